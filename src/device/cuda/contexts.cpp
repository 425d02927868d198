#include "device/cuda/contexts.hpp"

#include <cuda_runtime_api.h>

#include "device/cuda/driver.hpp"
#include "device/cuda/error.hpp"

namespace coll::device::cuda {

namespace {

constexpr int kFirst = 0;  // the device of a thread that has chosen none

}  // namespace

Status Contexts::find(Contexts* contexts) {
  COLL_TRY(find_in_driver("cuCtxGetCurrent", &contexts->get_));
  return find_in_driver("cuCtxSetCurrent", &contexts->set_);
}

Status Contexts::current(int* device) const {
  CUcontext context = nullptr;
  COLL_TRY(checked(get_(&context), "asking for the thread's context"));
  if (context != nullptr) return checked(cudaGetDevice(device), "asking for the current device");
  *device = kFirst;
  return {};
}

Status Contexts::current_address(std::string* pci) const {
  pci->clear();
  CUcontext context = nullptr;
  COLL_TRY(checked(get_(&context), "asking for the thread's context"));
  if (context == nullptr) return {};
  int device = -1;
  COLL_TRY(checked(cudaGetDevice(&device), "asking for the current device"));
  char address[32] = "";
  COLL_TRY(checked(cudaDeviceGetPCIBusId(address, sizeof(address), device), "asking for a device's place"));
  *pci = address;
  return {};
}

Status Contexts::use(int device, DevicePlace* before) const {
  CUcontext context = nullptr;
  COLL_TRY(checked(get_(&context), "asking for the thread's context"));
  *before = {context, false};
  if (context != nullptr) {  // also one that the program made itself, which stays
    int now = -1;
    COLL_TRY(checked(cudaGetDevice(&now), "asking for the current device"));
    if (now == device) return {};
  }
  before->left = true;
  Status there = checked(cudaSetDevice(device), "changing the current device");
  if (!there.ok()) static_cast<void>(leave(*before));
  return there;
}

Status Contexts::leave(const DevicePlace& before) const {
  if (!before.left) return {};
  return checked(set_(static_cast<CUcontext>(before.context)), "giving the thread its context back");
}

}  // namespace coll::device::cuda
