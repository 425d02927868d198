#include "runtime/device_call.hpp"

namespace coll {

namespace {

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

DeviceCall::DeviceCall(const Call& call, int nranks, std::shared_ptr<DeviceBatch> batch)
    : user_(call),
      input_bytes_(!call.on_device.steps ? staged_input(call, nranks) : 0),
      output_bytes_(!call.on_device.steps ? staged_output(call, nranks) : 0),
      scalar_bytes_(!call.on_device.steps ? staged_scalar(call) : 0),
      batch_(std::move(batch)),
      host_(call) {}

// However it ends: what comes behind it on the device waits for that.
DeviceCall::~DeviceCall() {
  if (added_) batch_->finish(number_);
}

Status DeviceCall::prepare() {
  const auto place = [this](size_t bytes, std::byte** at) {
    if (bytes > 0) *at = batch_->take_pinned(bytes);
    return bytes == 0 || *at != nullptr;
  };
  std::byte *input = nullptr, *output = nullptr, *scalar = nullptr;
  if (!place(input_bytes_, &input) || !place(output_bytes_, &output) || !place(scalar_bytes_, &scalar))
    return {collInternalError, "a call on a device has less pinned memory than was reserved"};
  std::vector<DeviceCopy> inputs;
  if (input != nullptr) {
    inputs.push_back({input, user_.send, input_bytes_});
    host_.send = input;
  }
  if (scalar != nullptr) {
    inputs.push_back({scalar, user_.scale->at, scalar_bytes_});
    auto scale = std::make_shared<Scale>(*user_.scale);
    scale->at = scalar;
    host_.scale = std::move(scale);
  }
  DeviceCopy result;
  if (output != nullptr) {
    result = {user_.recv, output, output_bytes_};
    host_.recv = output;
  }
  number_ = batch_->add(std::move(inputs), result);
  added_ = true;
  return {};
}

Status DeviceCall::arrive(bool* moved, bool* here) {
  const bool before = *here;
  COLL_TRY(batch_->arrived(here));
  *moved |= *here && !before;
  return {};
}

void DeviceCall::leave(bool* moved, bool* gone) {
  batch_->finish(number_);
  *gone = batch_->left(number_);
  *moved |= *gone;
}

}  // namespace coll
