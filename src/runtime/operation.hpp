// A call in flight: what a communicator moves on from its start to its completion.
#pragma once

#include <cstdint>
#include <memory>

#include "runtime/device_call.hpp"
#include "runtime/execution.hpp"
#include "runtime/settling.hpp"
#include "runtime/watchdog.hpp"

namespace coll {

class Communicator;

// Sends, or receives, between this rank and one other: one after another.
struct Lane {
  uint64_t issued = 0;
  uint64_t finished = 0;
};

class Operation {
 public:
  Operation(Communicator& communicator, std::unique_ptr<Execution> execution, std::unique_ptr<Settling> settling);
  // A send or receive that waits for its turn in the lane; NULL: to itself.
  Operation(Communicator& communicator, std::unique_ptr<Execution> execution, Lane* lane);
  ~Operation();
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  Communicator& communicator() const { return communicator_; }
  bool any_mover() const;  // whether the progress thread may move it on

 private:
  friend class Communicator;
  bool done() const { return execution_ && execution_->done() && gone_; }
  WaitingCall waiting() const;
  // Nothing but a device keeps it from going on.
  bool waits_for_device() const {
    return !here_ || (execution_ && (execution_->waits_for_device() || (execution_->done() && !gone_)));
  }
  bool has_turn() const { return lane_ == nullptr || left_lane_ || lane_->finished == turn_; }

  Communicator& communicator_;
  Lane* const lane_ = nullptr;
  const uint64_t turn_ = 0;             // in the lane
  bool left_lane_ = false;              // the next may go; the result may still be on its way to a device
  const bool numbered_;                 // it has a number among the communicator's collectives
  std::unique_ptr<Settling> settling_;  // before the execution is known
  std::unique_ptr<Execution> execution_;
  std::unique_ptr<DeviceCall> device_call_;  // where the call is in the order of a device's stream
  bool here_ = true;                         // its input is; its result is where it was wanted
  bool gone_ = true;
  Patience patience_;
};

}  // namespace coll
