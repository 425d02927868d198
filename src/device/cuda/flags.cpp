#include "device/cuda/flags.hpp"

#include <cuda_runtime_api.h>

#include "device/cuda/error.hpp"

namespace coll::device::cuda {

namespace {

Status find(const char* name, void** function) {
  constexpr unsigned kSince = 11070;  // this form of both functions
  cudaDriverEntryPointQueryResult found{};
  COLL_TRY(checked(cudaGetDriverEntryPointByVersion(name, function, kSince, cudaEnableDefault, &found),
                   "asking the driver for a function"));
  if (found == cudaDriverEntryPointSuccess && *function != nullptr) return {};
  return {collUnsupported, text("the NVIDIA driver has no ", name, "; install a newer driver")};
}

Status ordered(CUresult result, const char* doing) {
  if (result == CUDA_SUCCESS) return {};
  return {collUnhandledCudaError, text("CUDA failed in ", doing, " (driver error ", static_cast<int>(result), ")")};
}

// Pinned memory has the same address on both sides.
CUdeviceptr address_of(const uint32_t* flag) { return reinterpret_cast<CUdeviceptr>(flag); }

}  // namespace

Status FlagOrders::await_flag(CUstream stream, const uint32_t* flag, uint32_t value) const {
  return ordered(await_(stream, address_of(flag), value, CU_STREAM_WAIT_VALUE_GEQ), "making a stream wait for a flag");
}

Status FlagOrders::set_flag(CUstream stream, uint32_t* flag, uint32_t value) const {
  return ordered(set_(stream, address_of(flag), value, CU_STREAM_WRITE_VALUE_DEFAULT), "making a stream set a flag");
}

Status find_flag_orders(FlagOrders* orders) {
  COLL_TRY(find("cuStreamWaitValue32", reinterpret_cast<void**>(&orders->await_)));
  return find("cuStreamWriteValue32", reinterpret_cast<void**>(&orders->set_));
}

}  // namespace coll::device::cuda
