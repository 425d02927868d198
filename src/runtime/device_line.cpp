#include "runtime/device_line.hpp"

#include <algorithm>
#include <utility>

#include "base/ranges.hpp"
#include "runtime/device_work.hpp"

namespace coll {

DeviceLine::DeviceLine(DevicePort& port, int device, collStream_t stream, int max_ctas)
    : port_(port),
      operations_(*port.known()),
      device_(device),
      program_(stream),
      max_ctas_(max_ctas),
      pinned_(operations_, LineMemoryKind::kPinned),
      device_memory_(operations_, LineMemoryKind::kDevice) {}

DeviceLine::~DeviceLine() = default;

Status DeviceLine::open() {
  return on_device(operations_, device_, [&] {
    COLL_TRY(operations_.make_stream(&order_));
    COLL_TRY(port_.gates().take(operations_, &gate_));
    calls_ = passes_ = gate_->now_passed();
    return Status();
  });
}

std::vector<collStream_t> DeviceLine::streams() const {
  const std::lock_guard lock(streams_mutex_);
  std::vector<collStream_t> all = work_;
  if (order_ != nullptr) all.push_back(order_);
  return all;
}

bool DeviceLine::is_idle() const {
  // Where all has come to its end, the streams are a moment from theirs.
  const bool all = gate_ != nullptr && gate_->now_passed() == passes_;
  for (const collStream_t stream : streams()) {
    const Status state = all ? operations_.synchronize(stream) : operations_.query(stream);
    if (state.code() == collInProgress) return false;
  }
  return true;
}

void DeviceLine::close(bool leak) {
  static_cast<void>(on_device(operations_, device_, [&] {
    close_here(leak);
    return Status();
  }));
}

void DeviceLine::close_here(bool leak) {
  const bool idle = is_idle();
  pinned_.close(leak || !idle);
  device_memory_.close(leak || !idle);
  // A stream that has failed has left numbers out, which the next user would wait for.
  if (gate_ != nullptr && idle && gate_->now_passed() == passes_) reserved_.push_back(gate_);
  gate_ = nullptr;
  for (DeviceGate* const gate : std::exchange(reserved_, {})) gates().give_back(gate);
  for (const collStream_t stream : streams()) static_cast<void>(operations_.drop_stream(stream));
  order_ = nullptr;
  work_.clear();
}

Status DeviceLine::reserve(const DeviceRoom& room) {
  wanted_orders_ += room.orders;
  Status reserved = on_device(operations_, device_, [&] {
    COLL_TRY(refuse_capture());
    if (room.streams > 0) COLL_TRY(reserve_streams(room.streams));
    COLL_TRY(pinned_.reserve(room.pinned));
    return device_memory_.reserve(room.device);
  });
  if (!reserved.ok()) forget_reserved();
  return reserved;
}

Status DeviceLine::refuse_capture() const {
  bool captured = false;
  COLL_TRY(operations_.is_captured(program_, &captured));
  if (!captured) return {};
  return {
      collInvalidUsage,
      "the stream is being captured into a graph. The library's part in a call cannot be replayed from one: end the "
      "capture before the call, or make the call on another stream"};
}

// A kernel that is loaded at its first start waits for the device, whose streams may wait for other ranks: all are
// loaded before the first.
Status DeviceLine::reserve_streams(size_t streams) {
  if (work_.empty()) COLL_TRY(operations_.load_kernels());
  while (work_.size() < streams) {
    collStream_t made = nullptr;
    COLL_TRY(operations_.make_stream(&made));
    const std::lock_guard lock(streams_mutex_);
    work_.push_back(made);
  }
  wanted_gates_ += streams;
  while (reserved_.size() < wanted_gates_) {
    DeviceGate* gate = nullptr;
    COLL_TRY(gates().take(operations_, &gate));
    reserved_.push_back(gate);
  }
  return {};
}

void DeviceLine::forget_reserved() {
  wanted_gates_ = wanted_orders_ = 0;
  pinned_.forget_reserved();
  device_memory_.forget_reserved();
}

DeviceGate* DeviceLine::take_gate() {
  if (reserved_.empty()) return nullptr;
  DeviceGate* const gate = reserved_.back();
  reserved_.pop_back();
  return gate;
}

Status DeviceLine::open_batch() {
  std::unique_ptr<DeviceMark> begin;
  const Status begun = on_device(operations_, device_, [&] { return begin_batch(&begin); });
  forget_reserved();  // it is this batch's
  COLL_TRY(begun);
  auto batch = std::make_shared<DeviceBatch>(shared_from_this(), std::move(begin));
  COLL_TRY(Stream::open_batch());
  batch_ = std::move(batch);
  return {};
}

Status DeviceLine::begin_batch(std::unique_ptr<DeviceMark>* begin) const {
  COLL_TRY(refuse_capture());
  COLL_TRY(operations_.make_mark(begin));
  return (*begin)->set(program_);
}

Status DeviceLine::close_batch() {
  const std::shared_ptr<DeviceBatch> closed = std::move(batch_);
  batch_.reset();
  Status launched = closed ? closed->launch() : Status();
  COLL_TRY(Stream::close_batch());
  return launched;
}

Status DeviceLine::failure() const {
  return on_device(operations_, device_, [&]() -> Status {
    for (const collStream_t stream : streams()) {
      Status state = operations_.query(stream);
      if (!state.ok() && state.code() != collInProgress) return state;
    }
    return {};
  });
}

// ---- Batches

DeviceBatch::DeviceBatch(std::shared_ptr<DeviceLine> line, std::unique_ptr<DeviceMark> begin)
    : line_(std::move(line)),
      begin_(std::move(begin)),
      first_call_(line_->calls_),
      first_pass_(line_->passes_),
      pinned_(line_->pinned_.stretch()),
      device_memory_(line_->device_memory_.stretch()) {}

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
