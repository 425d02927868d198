// A call whose buffers are, or whose place in a stream is, a device's.
//
// It is staged: the input comes to pinned memory by the device's copy engine, the call runs on the host as any other,
// and the result goes back. Buffers that the host may touch are used where they lie.
#pragma once

#include "runtime/call.hpp"
#include "runtime/device_line.hpp"

namespace coll {

// Pinned memory that the call is staged in.
size_t staged_bytes(const Call& call, int nranks);

class DeviceCall {
 public:
  // Not `staged`: its steps run on the device, and it has to wait for its turn alone.
  DeviceCall(const Call& call, bool staged, int nranks, std::shared_ptr<DeviceBatch> batch);

  // Takes its pinned memory; first.
  Status prepare();
  // The call as the host runs it.
  const Call& on_host() const { return host_; }

  // Whether the input is here; never blocks.
  Status arrive(bool* moved, bool* here);
  // After the call has run on the host: whether the result is where it was wanted.
  Status leave(bool* moved, bool* gone);

 private:
  Status bring_input();
  Status bring_output();
  Status settle(bool* moved, bool* passed);

  const Call user_;
  const size_t input_bytes_, output_bytes_, scalar_bytes_;  // that are staged
  const std::shared_ptr<DeviceBatch> batch_;
  Call host_;
  std::byte* input_ = nullptr;  // where they are staged; NULL: they are not
  std::byte* output_ = nullptr;
  std::byte* scalar_ = nullptr;
  bool arrived_ = false;
  bool left_ = false;
  bool noted_ = false;   // work of the device's is waited for, ...
  uint32_t ticket_ = 0;  // ... of this number
};

}  // namespace coll
