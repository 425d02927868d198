// Device memory that other ranks of the node reach: CUDA's handles between processes, peer access within one.
#pragma once

#include <cuda.h>

#include "device/operations.hpp"

namespace coll::device::cuda {

class Sharing {
 public:
  static Status find(Sharing* sharing);
  Status share(void* memory, DeviceShare* share) const;
  // `device` is the current one. What is open is the process's, whoever of its Sharings opened it.
  Status open(const DeviceShare& share, int device, void** memory) const;
  Status close(void* memory, int device) const;

 private:
  using Ask = CUresult(unsigned, CUpointer_attribute*, void**, CUdeviceptr);
  Status find_device(CUdeviceptr address, int* device) const;

  Ask* ask_ = nullptr;
  CUresult (*range_)(CUdeviceptr*, size_t*, CUdeviceptr) = nullptr;
  CUresult (*device_)(CUdevice*, int) = nullptr;
  CUresult (*uuid_)(CUuuid*, CUdevice) = nullptr;
};

}  // namespace coll::device::cuda
