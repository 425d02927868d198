// Calls on a device that is none: what their tests share.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <memory>
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

// The ranks of a communicator, each with a stream of its own.
class Reducing {
 public:
  Reducing(AsyncDevice* device, const WorldOptions& options) : device_(device), world_(options) {
    for (int rank = 0; rank < world_.nranks(); ++rank) {
      buffers_.push_back(std::make_unique<DeviceBuffer>(*device_, kLong * sizeof(float)));
      streams_.push_back(std::make_unique<DeviceStream>(*device_));
    }
  }
  World& world() { return world_; }
  int nranks() const { return world_.nranks(); }
  DeviceBuffer& buffer(int rank) { return *buffers_[static_cast<size_t>(rank)]; }
  DeviceStream& stream(int rank) { return *streams_[static_cast<size_t>(rank)]; }
  collResult_t call(int rank) {
    return all_reduce(buffer(rank), buffer(rank), world_.handle(rank), stream(rank).get());
  }

  collResult_t broadcast(int rank, int root) {
    void* const at = buffer(rank).data();
    return collBroadcast(at, at, kLong, collFloat32, root, world_.handle(rank), stream(rank).get());
  }

  // A call on all ranks, which have all made it before the device does anything, to its end.
  void together(const std::function<collResult_t(int rank)>& call) {
    device_->hold_all(true);
    for (int rank = 0; rank < world_.nranks(); ++rank) EXPECT_EQ(call(rank), collSuccess) << collGetLastError(nullptr);
    device_->hold_all(false);
    for (const auto& stream : streams_) ASSERT_TRUE(stream->synchronize().ok());
  }

  void reduce_ones() {
    for (const auto& each : buffers_) fill(each.get(), 1);
    together([this](int rank) { return call(rank); });
    for (const auto& each : buffers_) expect_all(*each, static_cast<float>(world_.nranks()));
  }
  // Of two ranks the second calls with host memory.
  void reduce_with_host_memory() {
    fill(&buffer(0), 1);
    std::vector<float> host(kLong, 2);
    ASSERT_EQ(call(0), collSuccess);
    ASSERT_EQ(collAllReduce(host.data(), host.data(), kLong, collFloat32, collSum, world_.handle(1), nullptr),
              collSuccess);
    ASSERT_TRUE(stream(0).synchronize().ok());
    expect_all(buffer(0), 3);
    for (const float value : host) ASSERT_EQ(value, 3);
  }
  void reduce_ones(int turns) {
    for (int turn = 0; turn < turns; ++turn) reduce_ones();
  }

 private:
  AsyncDevice* const device_;
  World world_;
  std::vector<std::unique_ptr<DeviceBuffer>> buffers_;
  std::vector<std::unique_ptr<DeviceStream>> streams_;
};

}  // namespace coll::test
