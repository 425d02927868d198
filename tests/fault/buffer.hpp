// Memory for collectives, of either kind.
#pragma once

#include <span>
#include <vector>

#include "coll/coll.h"

namespace coll::test {

// Floats on the heap, or in memory of collMemAlloc(); none where that fails.
class Buffer {
 public:
  Buffer(size_t count, bool mapped) : heap_(mapped ? 0 : count), floats_(heap_) {
    if (mapped && collMemAlloc(&mapped_, count * sizeof(float)) == collSuccess) {
      floats_ = {static_cast<float*>(mapped_), count};
    }
  }
  ~Buffer() { collMemFree(mapped_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  std::span<float> floats() const { return floats_; }

 private:
  std::vector<float> heap_;
  void* mapped_ = nullptr;
  std::span<float> floats_;
};

}  // namespace coll::test
