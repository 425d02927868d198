#include "buffer.hpp"

#include <cstdlib>
#include <cstring>
#include <new>

namespace coll::perf {

void Buffer::Free::operator()(std::byte* bytes) const { std::free(bytes); }

Buffer::Buffer(size_t bytes) {
  constexpr size_t kPage = 4096;
  const size_t whole = (bytes / kPage + 1) * kPage;
  data_.reset(static_cast<std::byte*>(std::aligned_alloc(kPage, whole)));
  if (data_ == nullptr) throw std::bad_alloc();
  std::memset(data_.get(), 0, whole);
}

}  // namespace coll::perf
