// CUDA's results as a Status.
#pragma once

#include <cuda_runtime_api.h>

#include "base/status.hpp"

namespace coll::device::cuda {

// `doing` says what failed: "copying".
inline Status checked(cudaError_t result, const char* doing) {
  if (result == cudaSuccess) return {};
  cudaGetLastError();  // forgets it, where it may be forgotten
  return {collUnhandledCudaError,
          text("CUDA failed in ", doing, ": ", cudaGetErrorString(result), " (", cudaGetErrorName(result), ")")};
}

}  // namespace coll::device::cuda
