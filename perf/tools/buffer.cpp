#include "buffer.hpp"

#include <cstdlib>
#include <cstring>
#include <new>

namespace coll::perf {
namespace {

constexpr size_t kPage = 4096;

}  // namespace

const Allocator kHostMemory = {[](size_t bytes) { return std::aligned_alloc(kPage, bytes); }, std::free};

Buffer::Buffer(size_t bytes, const Allocator& allocator) : data_(nullptr, Free{&allocator}) {
  const size_t whole = (bytes / kPage + 1) * kPage;
  data_.reset(static_cast<std::byte*>(allocator.allocate(whole)));
  if (data_ == nullptr) throw std::bad_alloc();
  std::memset(data_.get(), 0, whole);
}

}  // namespace coll::perf
