// Contexts: which device a thread is at, and how it gets to another one and back.
#pragma once

#include <cuda.h>

#include "device/operations.hpp"

namespace coll::device::cuda {

// The runtime's cudaSetDevice() makes the device's context, and the thread keeps it; putting back the device that a
// thread "was at" would make one there too, if only because the number of a thread that was nowhere is 0. So the driver
// is asked for the context that the thread has, and is told to put that back.
class Contexts {
 public:
  static Status find(Contexts* contexts);
  Status current(int* device) const;
  Status current_address(std::string* pci) const;
  Status use(int device, DevicePlace* before) const;
  Status leave(const DevicePlace& before) const;

 private:
  using Get = CUresult(CUcontext*);
  using Set = CUresult(CUcontext);
  Get* get_ = nullptr;
  Set* set_ = nullptr;
};

}  // namespace coll::device::cuda
