// A call whose buffers are, or whose place in a stream is, a device's.
//
// Where it is staged, its input comes to pinned memory by the device's copy engine, it runs on the host as any other,
// and its result goes back. Buffers that the host may touch are used where they lie.
#pragma once

#include "runtime/call.hpp"
#include "runtime/device_line.hpp"

namespace coll {

// Pinned memory that the call is staged in.
size_t staged_bytes(const Call& call, int nranks);

class DeviceCall {
 public:
  // Where its steps run on the device, it has to wait for its turn alone.
  DeviceCall(const Call& call, int nranks, std::shared_ptr<DeviceBatch> batch);
  ~DeviceCall();
  DeviceCall(const DeviceCall&) = delete;
  DeviceCall& operator=(const DeviceCall&) = delete;

  // Takes its pinned memory and its place in the batch, which is open; first.
  Status prepare();
  // The call as the host runs it.
  const Call& on_host() const { return host_; }

  // Whether the input is here; never blocks. Asked to the end: what goes wrong with the batch shows here.
  Status arrive(bool* moved, bool* here);
  // After the call has run: whether the result is where it was wanted.
  void leave(bool* moved, bool* gone);

 private:
  const Call user_;
  const size_t input_bytes_, output_bytes_, scalar_bytes_;  // that are staged
  const std::shared_ptr<DeviceBatch> batch_;
  Call host_;
  size_t number_ = 0;  // in the batch
  bool added_ = false;
};

}  // namespace coll
