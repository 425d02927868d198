// Calls on a device that is none: what their tests share.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "tests/support/async_device.hpp"
#include "tests/support/device_buffer.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

inline constexpr size_t kShort = 1000;    // floats that are staged
inline constexpr size_t kLong = 300'007;  // ... that stay on the device
inline constexpr size_t kStagedBytes = size_t{128} << 10;

inline std::vector<float> floats(const DeviceBuffer& buffer) {
  const Bytes bytes = buffer.get();
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}
inline void fill(DeviceBuffer* buffer, float value) {
  const std::vector<float> values(buffer->bytes() / sizeof(float), value);
  buffer->put(reinterpret_cast<const std::byte*>(values.data()), buffer->bytes());
}
inline void expect_all(const DeviceBuffer& buffer, float due) {
  for (const float value : floats(buffer)) ASSERT_EQ(value, due);
}

// The options, with more to edit.
inline WorldOptions with(WorldOptions options, const std::function<void(int rank, Config& config)>& more) {
  options.edit = [edit = options.edit, more](int rank, Config& config) {
    edit(rank, config);
    more(rank, config);
  };
  return options;
}

class DeviceCalls : public testing::Test {
 protected:
  static WorldOptions options_for(const Placement& node_of, bool shm = true, int timeout_ms = 60000) {
    WorldOptions options{node_of, shm};
    options.edit = [timeout_ms](int, Config& config) {
      config.env.debug = "NONE";
      config.timeout_ms = timeout_ms;
      config.env.staged_bytes = kStagedBytes;
    };
    return options;
  }

  const TestDevices devices_;
  AsyncDevice* const device_ = static_cast<AsyncDevice*>(Process::acquire()->devices().operations());
};

inline collResult_t all_reduce(const DeviceBuffer& send, const DeviceBuffer& recv, collComm_t comm,
                               collStream_t stream) {
  return collAllReduce(send.data(), recv.data(), send.bytes() / sizeof(float), collFloat32, collSum, comm, stream);
}

}  // namespace coll::test
