// Memory that is measured.
#pragma once

#include <cstddef>
#include <memory>

namespace coll::perf {

// Where memory comes from; NULL where there is none.
struct Allocator {
  void* (*allocate)(size_t bytes);
  void (*release)(void* memory);
};
extern const Allocator kHostMemory;

// Page-aligned memory, written to once.
class Buffer {
 public:
  explicit Buffer(size_t bytes, const Allocator& allocator = kHostMemory);
  std::byte* data() const { return data_.get(); }

 private:
  struct Free {
    const Allocator* allocator;
    void operator()(std::byte* bytes) const { allocator->release(bytes); }
  };
  std::unique_ptr<std::byte[], Free> data_;
};

}  // namespace coll::perf
