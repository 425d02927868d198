// Operators that multiply first: the input of the call is a scaled copy of the user's.
#include "reduce/scale.hpp"
#include "runtime/execution.hpp"

namespace coll {

Status Execution::scale_input() {
  const size_t count = input_count(call_, around_.nranks);
  COLL_TRY(take_block(count * size_of(call_.type), &scaled_));
  reduce::scale(call_.type, call_.send, call_.scale->scalar(), scaled_.data(), count);
  call_.send = scaled_.data();
  overwrites_input_ = false;
  return {};
}

}  // namespace coll
