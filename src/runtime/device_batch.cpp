// A batch: calls that are given to the device together, and then moved on by flags alone.
#include <algorithm>
#include <utility>

#include "base/ranges.hpp"
#include "runtime/device_line.hpp"
#include "runtime/device_work.hpp"

namespace coll {

DeviceBatch::DeviceBatch(std::shared_ptr<DeviceLine> line, std::unique_ptr<DeviceMark> begin)
    : line_(std::move(line)),
      begin_(std::move(begin)),
      first_call_(line_->calls_),
      first_pass_(line_->passes_),
      pinned_(line_->pinned_.stretch()),
      device_memory_(line_->device_memory_.stretch()),
      shared_memory_(line_->shared_memory_.stretch()),
      direct_memory_(line_->direct_memory_.stretch()),
      published_(line_->published_) {}

DeviceBatch::~DeviceBatch() {
  for (size_t i = 0; i < members_.size(); ++i) finish(i);
}

size_t DeviceBatch::add(std::vector<DeviceCopy> inputs, const DeviceCopy& result) {
  const std::lock_guard lock(mutex_);
  members_.push_back({std::move(inputs), result});
  ++line_->calls_;
  return members_.size() - 1;
}

void DeviceBatch::add(std::shared_ptr<DeviceWork> work) {
  const std::lock_guard lock(mutex_);
  works_.push_back(std::move(work));
}

Status DeviceBatch::launch() {
  const Range range("launch");
  {
    const std::lock_guard lock(mutex_);
    for (const size_t call : std::exchange(refused_, {})) members_[call].refused = members_[call].finished = true;
  }
  Status status = on_device(line_->operations_, line_->device_, [this] {
    Status enqueued = enqueue();
    begin_.reset();  // here, since it calls the driver
    return enqueued;
  });
  works_.clear();
  const std::lock_guard lock(mutex_);
  state_ = status.ok() ? State::kLaunched : State::kFailed;
  failure_ = status;
  for (const size_t call : refused_) count_finished(call);  // while it was launched
  return status;
}

// Members are added by this thread alone, and not any more. All inputs come first: a call of a group may wait for what
// another rank does after a later one. From then on calls are moved on: a device that has been given too much to take
// more may need that.
Status DeviceBatch::enqueue() {
  if (std::all_of(members_.begin(), members_.end(), [](const Member& member) { return member.refused; })) return {};
  COLL_TRY(begin_->hold(line_->order_));
  COLL_TRY(enqueue_inputs());
  {
    const std::lock_guard lock(mutex_);
    state_ = State::kLaunched;
    for (const size_t call : std::exchange(refused_, {})) count_finished(call);  // that have ended meanwhile
  }
  COLL_TRY(enqueue_works());
  Status results = enqueue_results();
  const Status joined = join(line_->order_, line_->program_);
  return results.ok() ? joined : results;
}

Status DeviceBatch::enqueue_inputs() {
  for (const Member& member : members_) {
    if (member.refused) continue;
    for (const DeviceCopy& input : member.inputs) {
      COLL_TRY(line_->operations_.copy(input.to, input.from, input.bytes, line_->order_));
    }
  }
  return line_->operations_.set_flag(line_->order_, &line_->gate_->passed, ++line_->passes_);
}

// Whatever becomes of the calls, also where a failure opens their gates at once: no kernel runs before the program's
// stream has come to the batch, and what is behind the batch there waits for the last one.
Status DeviceBatch::enqueue_works() {
  size_t streams = 0;
  for (const auto& work : works_) streams = std::max(streams, work->streams());
  for (size_t i = 0; i < streams; ++i) COLL_TRY(join(line_->order_, line_->work_stream(i)));
  Status given = give_works();
  const collStream_t behind = given.ok() ? line_->order_ : line_->program_;  // which does not wait for order_ then
  for (size_t i = 0; i < streams; ++i) {
    const Status joined = join(line_->work_stream(i), behind);
    if (given.ok()) given = joined;
  }
  return given;
}

Status DeviceBatch::give_works() {
  for (const auto& work : works_) COLL_TRY(work->give());
  return {};
}

// What `to` is given from now on waits for what `from` has been given.
Status DeviceBatch::join(collStream_t from, collStream_t to) const {
  std::unique_ptr<DeviceMark> mark;
  COLL_TRY(line_->operations_.make_mark(&mark));
  COLL_TRY(mark->set(from));
  return mark->hold(to);
}

Status DeviceBatch::enqueue_results() {
  uint32_t call = first_call_;
  for (const Member& member : members_) {
    ++call;
    if (!member.refused) COLL_TRY(line_->operations_.await_flag(line_->order_, &line_->gate_->opened, call));
    const DeviceCopy& result = member.result;
    if (!member.refused && result.bytes > 0)
      COLL_TRY(line_->operations_.copy(result.to, result.from, result.bytes, line_->order_));
    COLL_TRY(line_->operations_.set_flag(line_->order_, &line_->gate_->passed, ++line_->passes_));
  }
  return {};
}

Status DeviceBatch::arrived(bool* here) const {
  const std::lock_guard lock(mutex_);
  *here = state_ == State::kLaunched && has_passed(1);
  return failure_;
}

// Results go back in the order of the calls.
void DeviceBatch::finish(size_t call) {
  const std::lock_guard lock(mutex_);
  if (state_ == State::kOpen) {
    refused_.push_back(call);
    return;
  }
  count_finished(call);
}

void DeviceBatch::count_finished(size_t call) {
  if (std::exchange(members_[call].finished, true)) return;
  while (finished_ < members_.size() && members_[finished_].finished) ++finished_;
  line_->gate_->open(first_call_ + static_cast<uint32_t>(finished_));
}

bool DeviceBatch::left(size_t call) const { return has_passed(static_cast<uint32_t>(call) + 2); }

}  // namespace coll
