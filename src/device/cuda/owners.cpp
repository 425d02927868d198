#include "device/cuda/owners.hpp"

#include "device/cuda/driver.hpp"

namespace coll::device::cuda {

Status Owners::find(Owners* owners) { return find_in_driver("cuPointerGetAttributes", &owners->ask_); }

// What the driver does not know keeps the values from here: answers about it are zeros, or one of two errors.
Status Owners::owner_of(const void* address, MemoryOwner* owner) const {
  unsigned type = 0, managed = 0;
  int device = -1;
  CUpointer_attribute attributes[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_IS_MANAGED,
                                      CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL};
  void* answers[] = {&type, &managed, &device};
  *owner = {};
  const CUresult asked = ask_(3, attributes, answers, reinterpret_cast<CUdeviceptr>(address));
  if (asked == CUDA_ERROR_INVALID_VALUE || asked == CUDA_ERROR_INVALID_CONTEXT) return {};
  COLL_TRY(checked(asked, "asking whose memory an address is"));
  if (managed != 0) {  // of either type
    *owner = {MemoryKind::kManaged, device};
  } else if (type == CU_MEMORYTYPE_DEVICE) {
    *owner = {MemoryKind::kDevice, device};
  } else if (type == CU_MEMORYTYPE_HOST) {
    *owner = {MemoryKind::kPinned, -1};
  }
  return {};
}

}  // namespace coll::device::cuda
