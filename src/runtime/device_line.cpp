#include "runtime/device_line.hpp"

#include <atomic>

namespace coll {

namespace {
constexpr int kLooksPerQuery = 1024;
}

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
    COLL_TRY(operations_.make_stream(&own_));
    COLL_TRY(port_.flags().take(operations_, &flags_));
    turns_ = flags_->ended;
    tickets_ = flags_->reached;
    return Status();
  });
}

// Where work of a call that failed is still to come, what it would write to is given up.
void DeviceLine::close(bool leak) {
  const bool idle = own_ == nullptr || operations_.query(own_).code() != collInProgress;
  pinned_.close(leak || !idle);
  device_memory_.close(leak || !idle);
  if (flags_ != nullptr && idle && flags_->reached == tickets_) port_.flags().give_back(flags_);
  flags_ = nullptr;
  if (own_ != nullptr) static_cast<void>(operations_.drop_stream(own_));
  own_ = nullptr;
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
  std::unique_ptr<DeviceMark> mark;
  COLL_TRY(make_mark(&mark));
  batch_ = std::make_shared<DeviceBatch>(shared_from_this(), ++turns_, std::move(mark));
  pinned_.batch_opened();
  device_memory_.batch_opened();
  return Stream::open_batch();
}

Status DeviceLine::make_mark(std::unique_ptr<DeviceMark>* mark) const {
  return on_device(operations_, device_, [&] {
    COLL_TRY(operations_.make_mark(mark));
    return (*mark)->set(program_);
  });
}

Status DeviceLine::close_batch() {
  const std::shared_ptr<DeviceBatch> closed = std::move(batch_);
  batch_.reset();
  COLL_TRY(Stream::close_batch());
  if (!closed) return {};
  return on_device(operations_, device_,
                   [&] { return operations_.await_flag(program_, &flags_->ended, closed->turn()); });
}

void DeviceLine::end(uint32_t turn) {
  const std::atomic_ref<uint32_t> ended(flags_->ended);
  uint32_t before = ended.load(std::memory_order_relaxed);
  while (static_cast<int32_t>(turn - before) > 0 &&
         !ended.compare_exchange_weak(before, turn, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

Status DeviceLine::copy(void* to, const void* from, size_t bytes) {
  return on_device(operations_, device_, [&] { return operations_.copy(to, from, bytes, own_); });
}

Status DeviceLine::note(uint32_t* ticket) {
  *ticket = ++tickets_;
  return on_device(operations_, device_, [&] { return operations_.set_flag(own_, &flags_->reached, *ticket); });
}

// A stream that has failed sets no flag any more.
Status DeviceLine::reached(uint32_t ticket, bool* done) {
  const uint32_t now = std::atomic_ref<uint32_t>(flags_->reached).load(std::memory_order_acquire);
  *done = static_cast<int32_t>(now - ticket) >= 0;
  if (*done || ++looks_ % kLooksPerQuery != 0) return {};
  const Status state = operations_.query(own_);
  return state.code() == collInProgress ? Status() : state;
}

DeviceBatch::DeviceBatch(std::shared_ptr<DeviceLine> line, uint32_t turn, std::unique_ptr<DeviceMark> mark)
    : line_(std::move(line)),
      turn_(turn),
      mark_(std::move(mark)),
      pinned_(line_->pinned_.stretch()),
      device_memory_(line_->device_memory_.stretch()) {}

DeviceBatch::~DeviceBatch() { line_->end(turn_); }

Status DeviceBatch::hold() {
  if (held_) return {};
  held_ = true;
  return on_device(line_->operations_, line_->device_, [&] { return mark_->hold(line_->own_); });
}

}  // namespace coll
