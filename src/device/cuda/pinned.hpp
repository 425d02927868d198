// Pinned memory: ordinary pages that are registered with CUDA, so that other processes and network cards can read them
// as they read any; those that CUDA allocates itself may be a driver's mapping, which the system copies nothing from.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>

#include "base/status.hpp"

namespace coll::device::cuda {

class PinnedPages {
 public:
  Status allocate(size_t bytes, void** memory);
  Status release(void* memory);

 private:
  std::mutex mutex_;
  std::map<void*, size_t> bytes_;
};

}  // namespace coll::device::cuda
