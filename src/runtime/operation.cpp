#include "runtime/operation.hpp"

#include <utility>

#include "runtime/communicator.hpp"

namespace coll {

Operation::Operation(Communicator& communicator, std::unique_ptr<Execution> execution,
                     std::unique_ptr<Settling> settling)
    : communicator_(communicator), numbered_(true), settling_(std::move(settling)), execution_(std::move(execution)) {
  ++communicator_.pending_;
  ++communicator_.numbered_;
}

Operation::Operation(Communicator& communicator, std::unique_ptr<Execution> execution, Lane* lane)
    : communicator_(communicator),
      lane_(lane),
      turn_(lane != nullptr ? lane->issued++ : 0),
      numbered_(false),
      execution_(std::move(execution)) {
  ++communicator_.pending_;
}

Operation::~Operation() {
  // The system may still write to the receives of a failed call: its memory is given up.
  if (!done() && communicator_.memory_still_accessed_) {
    if (execution_) execution_->leave_device();  // the program's stream is to go on all the same
    static_cast<void>(settling_.release());
    static_cast<void>(execution_.release());
  }
  settling_.reset();
  execution_.reset();
  device_call_.reset();
  if (numbered_) --communicator_.numbered_;
  --communicator_.pending_;  // last: whoever waits for it may now destroy the communicator
}

WaitingCall Operation::waiting() const {
  if (execution_) {
    const Function function = execution_->call().function;
    return {execution_->sequence(), name(function), execution_->awaited_ranks(), is_transfer(function)};
  }
  WaitingCall call{settling_->sequence(), name(settling_->call().function), {}};
  if (settling_->waiting_for() >= 0) call.awaited.push_back(settling_->waiting_for());
  return call;
}

bool Operation::any_mover() const { return device_call_ || communicator_.progress_thread_allowed(); }

}  // namespace coll
