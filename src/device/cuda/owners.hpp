// Whose memory an address is, by the driver: the runtime's question would make a context for the thread that asks.
#pragma once

#include <cuda.h>

#include "device/operations.hpp"

namespace coll::device::cuda {

class Owners {
 public:
  static Status find(Owners* owners);
  Status owner_of(const void* address, MemoryOwner* owner) const;

 private:
  using Ask = CUresult(unsigned, CUpointer_attribute*, void**, CUdeviceptr);
  Ask* ask_ = nullptr;
};

}  // namespace coll::device::cuda
