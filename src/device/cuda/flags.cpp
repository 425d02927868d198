#include "device/cuda/flags.hpp"

#include "device/cuda/driver.hpp"

namespace coll::device::cuda {

namespace {

// Pinned memory has the same address on both sides.
CUdeviceptr address_of(const uint32_t* flag) { return reinterpret_cast<CUdeviceptr>(flag); }

}  // namespace

Status FlagOrders::find(FlagOrders* orders) {
  COLL_TRY(find_in_driver("cuStreamWaitValue32", &orders->await_));
  COLL_TRY(find_in_driver("cuStreamWriteValue32", &orders->set_));
  return find_in_driver("cuStreamBatchMemOp", &orders->several_);
}

Status FlagOrders::await_flag(CUstream stream, const uint32_t* flag, uint32_t value) const {
  return checked(await_(stream, address_of(flag), value, CU_STREAM_WAIT_VALUE_GEQ), "making a stream wait for a flag");
}

Status FlagOrders::set_flag(CUstream stream, uint32_t* flag, uint32_t value) const {
  return checked(set_(stream, address_of(flag), value, CU_STREAM_WRITE_VALUE_DEFAULT), "making a stream set a flag");
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
  return checked(several_(stream, 2, orders, 0), "making a stream set a flag and wait for another");
}

}  // namespace coll::device::cuda
