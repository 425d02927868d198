#include "runtime/device_call.hpp"

namespace coll {

namespace {

// Where one buffer lies behind the other.
size_t padded(size_t bytes) {
  constexpr size_t kLine = 256;
  return (bytes + kLine - 1) / kLine * kLine;
}

size_t staged_input(const Call& call, int nranks) {
  return call.on_device.send && call.send != nullptr ? input_bytes(call, nranks) : 0;
}
size_t staged_output(const Call& call, int nranks) {
  return call.on_device.recv && call.recv != nullptr ? output_bytes(call, nranks) : 0;
}
size_t staged_scalar(const Call& call) { return call.on_device.scalar ? size_of(call.type) : 0; }

}  // namespace

size_t staged_bytes(const Call& call, int nranks) {
  return padded(staged_input(call, nranks)) + padded(staged_output(call, nranks)) + padded(staged_scalar(call));
}

DeviceCall::DeviceCall(const Call& call, bool staged, int nranks, std::shared_ptr<DeviceBatch> batch)
    : user_(call),
      input_bytes_(staged ? staged_input(call, nranks) : 0),
      output_bytes_(staged ? staged_output(call, nranks) : 0),
      scalar_bytes_(staged ? staged_scalar(call) : 0),
      batch_(std::move(batch)),
      host_(call) {}

Status DeviceCall::prepare() {
  const auto place = [this](size_t bytes, std::byte** at) {
    if (bytes > 0) *at = batch_->take_pinned(padded(bytes));
    return bytes == 0 || *at != nullptr;
  };
  if (!place(input_bytes_, &input_) || !place(output_bytes_, &output_) || !place(scalar_bytes_, &scalar_))
    return {collInternalError, "a call on a device has less pinned memory than was reserved"};
  if (input_ != nullptr) host_.send = input_;
  if (output_ != nullptr) host_.recv = output_;
  if (scalar_ != nullptr) {
    auto scale = std::make_shared<Scale>(*user_.scale);
    scale->at = scalar_;
    host_.scale = std::move(scale);
  }
  return {};
}

Status DeviceCall::arrive(bool* moved, bool* here) {
  if (!arrived_) {
    if (!noted_) COLL_TRY(bring_input());
    COLL_TRY(settle(moved, &arrived_));
  }
  *here = arrived_;
  return {};
}

Status DeviceCall::bring_input() {
  DeviceLine& line = batch_->line();
  COLL_TRY(batch_->hold());
  if (input_ != nullptr) COLL_TRY(line.copy(input_, user_.send, input_bytes_));
  if (scalar_ != nullptr) COLL_TRY(line.copy(scalar_, user_.scale->at, scalar_bytes_));
  noted_ = true;
  return line.note(&ticket_);
}

Status DeviceCall::leave(bool* moved, bool* gone) {
  if (output_ == nullptr) left_ = true;
  if (!left_) {
    if (!noted_) COLL_TRY(bring_output());
    COLL_TRY(settle(moved, &left_));
  }
  *gone = left_;
  return {};
}

Status DeviceCall::bring_output() {
  COLL_TRY(batch_->line().copy(user_.recv, output_, output_bytes_));
  noted_ = true;
  return batch_->line().note(&ticket_);
}

Status DeviceCall::settle(bool* moved, bool* passed) {
  COLL_TRY(batch_->line().reached(ticket_, passed));
  if (!*passed) return {};
  noted_ = false;
  *moved = true;
  return {};
}

}  // namespace coll
