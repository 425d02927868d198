#include "runtime/device_line.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

namespace coll {

namespace {

uint32_t read(const uint32_t& flag) {
  return std::atomic_ref<uint32_t>(const_cast<uint32_t&>(flag)).load(std::memory_order_acquire);
}

// Numbers count modulo 2^32.
bool has_come_to(uint32_t now, uint32_t then) { return static_cast<int32_t>(now - then) >= 0; }

}  // namespace

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
    COLL_TRY(operations_.load_kernels());
    COLL_TRY(operations_.make_stream(&order_));
    COLL_TRY(operations_.make_stream(&work_));
    COLL_TRY(port_.flags().take(operations_, &flags_));
    calls_ = read(flags_->ready);
    passes_ = read(flags_->passed);
    works_ = read(flags_->worked);
    return Status();
  });
}

bool DeviceLine::is_idle() const {
  // Where all has come to its end, the streams are a moment from theirs.
  const bool all = flags_ != nullptr && read(flags_->ready) == calls_ && read(flags_->passed) == passes_ &&
                   read(flags_->worked) == works_;
  for (const collStream_t stream : {order_, work_}) {
    if (stream == nullptr) continue;
    const Status state = all ? operations_.synchronize(stream) : operations_.query(stream);
    if (state.code() == collInProgress) return false;
  }
  return true;
}

void DeviceLine::close(bool leak) {
  const bool idle = is_idle();
  pinned_.close(leak || !idle);
  device_memory_.close(leak || !idle);
  // A stream that has failed has left numbers out, which the next user would wait for.
  const bool whole = flags_ != nullptr && idle && read(flags_->passed) == passes_ && read(flags_->worked) == works_;
  if (whole) {
    std::atomic_ref<uint32_t>(flags_->ready).store(calls_);  // also those that were refused
    port_.flags().give_back(flags_);
  }
  flags_ = nullptr;
  for (collStream_t* const stream : {&order_, &work_}) {
    if (*stream != nullptr) static_cast<void>(operations_.drop_stream(*stream));
    *stream = nullptr;
  }
}

Status DeviceLine::reserve(const DeviceRoom& room) {
  return on_device(operations_, device_, [&] {
    COLL_TRY(pinned_.reserve(room.pinned));
    return device_memory_.reserve(room.device);
  });
}

Status DeviceLine::open_batch() {
  bool captured = false;
  COLL_TRY(operations_.is_captured(program_, &captured));
  if (captured) {
    return {
        collInvalidUsage,
        "the stream is being captured into a graph. The library's part in a call cannot be replayed from one: end the "
        "capture before the call, or make the call on another stream"};
  }
  std::unique_ptr<DeviceMark> begin;
  const Status marked = on_device(operations_, device_, [&] {
    COLL_TRY(operations_.make_mark(&begin));
    return begin->set(program_);
  });
  COLL_TRY(marked);
  auto batch = std::make_shared<DeviceBatch>(shared_from_this(), std::move(begin));
  pinned_.batch_opened();
  device_memory_.batch_opened();
  COLL_TRY(Stream::open_batch());
  batch_ = std::move(batch);
  return {};
}

Status DeviceLine::close_batch() {
  const std::shared_ptr<DeviceBatch> closed = std::move(batch_);
  batch_.reset();
  Status launched = closed ? closed->launch() : Status();
  COLL_TRY(Stream::close_batch());
  return launched;
}

Status DeviceLine::failure() const {
  for (const collStream_t stream : {order_, work_}) {
    Status state = operations_.query(stream);
    if (!state.ok() && state.code() != collInProgress) return state;
  }
  return {};
}

Status DeviceLine::note(uint32_t* ticket) {
  *ticket = ++works_;
  return on_device(operations_, device_, [&] { return operations_.set_flag(work_, &flags_->worked, *ticket); });
}

bool DeviceLine::reached(uint32_t ticket) const { return has_come_to(read(flags_->worked), ticket); }

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

size_t DeviceBatch::add(std::vector<StagedCopy> inputs, const StagedCopy& result) {
  const std::lock_guard lock(mutex_);
  members_.push_back({std::move(inputs), result});
  ++line_->calls_;
  return members_.size() - 1;
}

Status DeviceBatch::launch() {
  {
    const std::lock_guard lock(mutex_);
    for (const size_t call : std::exchange(refused_, {})) members_[call].finished = true;
  }
  Status status = on_device(line_->operations_, line_->device_, [this] { return enqueue(); });
  begin_.reset();  // here, since it calls the driver
  const std::lock_guard lock(mutex_);
  state_ = status.ok() ? State::kLaunched : State::kFailed;
  failure_ = status;
  for (const size_t call : refused_) count_finished(call);  // while it was launched
  return status;
}

// Members are added by this thread alone, and not any more. All inputs come first: a call of a group may wait for what
// another rank does after a later one.
Status DeviceBatch::enqueue() {
  if (std::all_of(members_.begin(), members_.end(), [](const Member& member) { return member.finished; })) return {};
  COLL_TRY(begin_->hold(line_->order_));
  COLL_TRY(enqueue_inputs());
  COLL_TRY(enqueue_results());
  std::unique_ptr<DeviceMark> end;
  COLL_TRY(line_->operations_.make_mark(&end));
  COLL_TRY(end->set(line_->order_));
  return end->hold(line_->program_);
}

Status DeviceBatch::enqueue_inputs() {
  for (const Member& member : members_) {
    if (member.finished) continue;  // it has been refused
    for (const StagedCopy& input : member.inputs) {
      COLL_TRY(line_->operations_.copy(input.to, input.from, input.bytes, line_->order_));
    }
  }
  return line_->operations_.set_flag(line_->order_, &line_->flags_->passed, ++line_->passes_);
}

Status DeviceBatch::enqueue_results() {
  uint32_t call = first_call_;
  for (const Member& member : members_) {
    ++call;
    if (!member.finished) COLL_TRY(line_->operations_.await_flag(line_->order_, &line_->flags_->ready, call));
    const StagedCopy& result = member.result;
    if (!member.finished && result.bytes > 0)
      COLL_TRY(line_->operations_.copy(result.to, result.from, result.bytes, line_->order_));
    COLL_TRY(line_->operations_.set_flag(line_->order_, &line_->flags_->passed, ++line_->passes_));
  }
  return {};
}

bool DeviceBatch::has_passed(uint32_t pass) const {
  return has_come_to(read(line_->flags_->passed), first_pass_ + pass);
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
  const uint32_t ready = first_call_ + static_cast<uint32_t>(finished_);
  if (has_come_to(read(line_->flags_->ready), ready)) return;
  std::atomic_ref<uint32_t>(line_->flags_->ready).store(ready, std::memory_order_release);
}

bool DeviceBatch::left(size_t call) const { return has_passed(static_cast<uint32_t>(call) + 2); }

}  // namespace coll
