// A plan's steps on a device. Where perform() has made a value when it returns, here the device is only allowed to
// begin; what depends on it, handing the value on and giving messages back, follows when it is done.
#include <algorithm>

#include "runtime/device_work.hpp"
#include "runtime/execution.hpp"

namespace coll {

Status Execution::work_on_device(const std::shared_ptr<DeviceBatch>& batch) {
  work_ = std::make_shared<DeviceWork>(batch, call_, plan_);
  COLL_TRY(work_->prepare());
  batch->add(work_);
  return {};
}

void Execution::leave_device() {
  if (work_) work_->give_up();
  work_.reset();
}

Status Execution::perform_on_device(ChunkRun& run, size_t messages) {
  const DeviceStep& step = run.on_device.steps[run.numbers.size()];
  for (size_t i = 0; i < messages; ++i) COLL_TRY(verify(run.incoming[run.taken + i], *step.step));
  run.numbers.push_back(step.has_work() ? work_->release(run.chunk) : work_->released(run.chunk));
  return {};
}

// What the device is done with, in order.
Status Execution::settle_device(ChunkRun& run, bool* moved) {
  for (; run.settled < run.numbers.size(); ++run.settled) {
    if (!work_->reached(run.chunk, run.numbers[run.settled])) return {};
    *moved = true;
    const DeviceStep& step = run.on_device.steps[run.settled];
    if (step.step->to.count == 0) continue;
    const Block block = Block::borrowed(step.sent);
    COLL_TRY(send_all(run, *step.step, step.part, step.round, {seal(block, step.sent.size()), block}));
  }
  return {};
}

// Whether nothing but the device keeps the execution from going on: its peers are not to blame then.
bool Execution::waits_for_device() const {
  return work_ && std::any_of(running_.begin(), running_.end(),
                              [](const ChunkRun& run) { return run.settled < run.numbers.size(); });
}

}  // namespace coll
