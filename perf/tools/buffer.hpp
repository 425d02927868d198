// Memory that is measured.
#pragma once

#include <cstddef>
#include <memory>

namespace coll::perf {

// Page-aligned memory, written to once.
class Buffer {
 public:
  explicit Buffer(size_t bytes);
  std::byte* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(std::byte* bytes) const;
  };
  std::unique_ptr<std::byte[], Free> data_;
};

}  // namespace coll::perf
