#include "device/cuda/driver.hpp"

#include <cuda_runtime_api.h>

#include "device/cuda/error.hpp"

namespace coll::device::cuda {

Status find_address(const char* name, void** function) {
  constexpr unsigned kSince = 11070;
  cudaDriverEntryPointQueryResult found{};
  COLL_TRY(checked(cudaGetDriverEntryPointByVersion(name, function, kSince, cudaEnableDefault, &found),
                   "asking the driver for a function"));
  if (found == cudaDriverEntryPointSuccess && *function != nullptr) return {};
  return {collUnsupported, text("the NVIDIA driver has no ", name, "; install a newer driver")};
}

Status checked(CUresult result, const char* doing) {
  if (result == CUDA_SUCCESS) return {};
  return {collUnhandledCudaError, text("CUDA failed in ", doing, " (driver error ", static_cast<int>(result), ")")};
}

}  // namespace coll::device::cuda
