// Flags that streams wait for and set.
#pragma once

#include <cuda.h>

#include <cstdint>

#include "base/status.hpp"

namespace coll::device::cuda {

class FlagOrders {
 public:
  static Status find(FlagOrders* orders);
  // The stream goes on when *flag - value, as a signed number, is 0 or more.
  Status await_flag(CUstream stream, const uint32_t* flag, uint32_t value) const;
  Status set_flag(CUstream stream, uint32_t* flag, uint32_t value) const;
  Status set_then_await(CUstream stream, uint32_t* flag, uint32_t value, const uint32_t* awaited, uint32_t until) const;

 private:
  using Order = CUresult(CUstream, CUdeviceptr, cuuint32_t, unsigned);
  Order* await_ = nullptr;
  Order* set_ = nullptr;
  CUresult (*several_)(CUstream, unsigned, CUstreamBatchMemOpParams*, unsigned) = nullptr;
};

}  // namespace coll::device::cuda
