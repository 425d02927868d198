#include "device/cuda/flags.hpp"

#include <cuda_runtime_api.h>

#include "device/cuda/error.hpp"

namespace coll::device::cuda {

namespace {

Status find(const char* name, void** function) {
  constexpr unsigned kSince = 11070;  // this form of the functions
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

Status FlagOrders::set_then_await(CUstream stream, uint32_t* flag, uint32_t value, const uint32_t* awaited,
                                  uint32_t until) const {
  CUstreamBatchMemOpParams orders[2] = {};
  orders[0].writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_32;
  orders[0].writeValue.address = address_of(flag);
  orders[0].writeValue.value = value;
  orders[0].writeValue.flags = CU_STREAM_WRITE_VALUE_DEFAULT;
  orders[1].waitValue.operation = CU_STREAM_MEM_OP_WAIT_VALUE_32;
  orders[1].waitValue.address = address_of(awaited);
  orders[1].waitValue.value = until;
  orders[1].waitValue.flags = CU_STREAM_WAIT_VALUE_GEQ;
  return ordered(several_(stream, 2, orders, 0), "making a stream set a flag and wait for another");
}

Status find_flag_orders(FlagOrders* orders) {
  COLL_TRY(find("cuStreamWaitValue32", reinterpret_cast<void**>(&orders->await_)));
  COLL_TRY(find("cuStreamWriteValue32", reinterpret_cast<void**>(&orders->set_)));
  return find("cuStreamBatchMemOp", reinterpret_cast<void**>(&orders->several_));
}

}  // namespace coll::device::cuda
