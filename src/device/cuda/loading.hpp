// Kernels got ready before they are needed, since a device may load one only when it has nothing to do.
#pragma once

#include <mutex>
#include <set>

#include "base/status.hpp"

namespace coll::device::cuda {

class KernelLoader {
 public:
  // All of them, once per device, which is the current one.
  Status load(int device);

 private:
  std::mutex mutex_;
  std::set<int> loaded_;
};

}  // namespace coll::device::cuda
