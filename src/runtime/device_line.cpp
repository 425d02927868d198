#include "runtime/device_line.hpp"

#include <utility>

namespace coll {

DeviceLine::DeviceLine(DevicePort& port, const DeviceWays& ways, int device, collStream_t stream, int max_ctas)
    : port_(port),
      peers_(*ways.peers),
      operations_(*port.known()),
      device_(device),
      program_(stream),
      max_ctas_(max_ctas),
      pinned_(port, device, LineMemoryKind::kPinned),
      device_memory_(port, device, LineMemoryKind::kDevice),
      shared_memory_(port, device, LineMemoryKind::kShared),
      direct_memory_(port, device, LineMemoryKind::kDirect, ways.direct) {}

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

bool DeviceLine::close(bool leak) {
  bool idle = false;
  static_cast<void>(on_device(operations_, device_, [&] {
    idle = close_here(leak);
    return Status();
  }));
  return idle;
}

bool DeviceLine::close_here(bool leak) {
  const bool idle = is_idle();
  pinned_.close(leak || !idle);
  device_memory_.close(leak || !idle);
  shared_memory_.close(leak || !idle || loans_are_out_.load());
  direct_memory_.close(leak || !idle);
  // A stream that has failed has left numbers out, which the next user would wait for.
  if (gate_ != nullptr && idle && gate_->now_passed() == passes_) reserved_.push_back(gate_);
  gate_ = nullptr;
  for (DeviceGate* const gate : std::exchange(reserved_, {})) gates().give_back(gate);
  for (const collStream_t stream : streams()) static_cast<void>(operations_.drop_stream(stream));
  order_ = nullptr;
  work_.clear();
  return idle;
}

Status DeviceLine::reserve(const DeviceRoom& room, bool* lends) {
  wanted_orders_ += room.orders;
  Status reserved = on_device(operations_, device_, [&] {
    COLL_TRY(refuse_capture());
    if (room.streams > 0) COLL_TRY(reserve_streams(room.streams));
    COLL_TRY(pinned_.reserve(room.pinned));
    COLL_TRY(device_memory_.reserve(room.device));
    *lends = room.shared == 0 || reserve_shared(room.shared);
    return Status();
  });
  if (!reserved.ok()) forget_reserved();
  return reserved;
}

Status DeviceLine::reserve_direct(size_t bytes, Status* refused) {
  Status reserved = on_device(operations_, device_, [&] {
    COLL_TRY(refuse_capture());
    *refused = direct_memory_.reserve(bytes);
    has_direct_ = refused->ok();
    return Status();
  });
  if (!reserved.ok()) forget_reserved();
  return reserved;
}

// A device that is full is no reason not to make the call.
bool DeviceLine::reserve_shared(size_t bytes) {
  if (!can_share_) return false;
  if (!shared_memory_.fits(bytes) && (bytes >= too_long_ || !peers_.may_publish())) return false;
  if (!shared_memory_.reserve(bytes).ok()) {
    too_long_ = bytes;
    return false;
  }
  published_ = {peers_.publish(shared_memory_.shared()), shared_memory_.shared().memory};
  can_share_ = published_.number != DevicePeers::kNotShared;
  return can_share_;
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
  shared_memory_.forget_reserved();
  direct_memory_.forget_reserved();
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

}  // namespace coll
