// Streams take as many orders at a time as calls give them: whoever gave one more would wait for the device.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <future>
#include <vector>

#include "collectives/planner.hpp"
#include "cuda/machine.hpp"

namespace coll {
namespace {

constexpr size_t kStreams = 4;  // of a line: one for each chunk in flight
constexpr size_t kCount = 1000;
constexpr uint32_t kOpen = uint32_t{1} << 20;  // beyond all that is waited for

DeviceOperations& machine() { return *test::machine_operations(); }

class Orders : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(machine().use(0, &before_).ok());
    ASSERT_TRUE(machine().load_kernels().ok());
    ASSERT_TRUE(machine().allocate(2 * kCount * sizeof(float), &memory_).ok());
    void* words = nullptr;
    ASSERT_TRUE(machine().allocate_pinned(4096, &words).ok());
    words_ = static_cast<uint32_t*>(words);
    std::fill_n(words_, 2 * kStreams, 0);
    for (collStream_t& stream : streams_) ASSERT_TRUE(machine().make_stream(&stream).ok());
  }
  void TearDown() override {
    for (const collStream_t stream : streams_) EXPECT_TRUE(machine().drop_stream(stream).ok());
    EXPECT_TRUE(machine().release_pinned(words_).ok());
    EXPECT_TRUE(machine().release(memory_).ok());
    EXPECT_TRUE(machine().leave(before_).ok());
  }

  uint32_t* opened(size_t stream) const { return words_ + 2 * stream; }
  uint32_t* passed(size_t stream) const { return words_ + 2 * stream + 1; }

  // The longest kernels' parameters, and what stands before each.
  Status give_step(size_t stream, uint32_t step) const {
    COLL_TRY(machine().set_then_await(streams_[stream], passed(stream), step, opened(stream), step + 1));
    auto* const elements = static_cast<float*>(memory_);
    const std::vector<const void*> messages(9, elements);
    DeviceHop hop;
    hop.codec = "none";
    hop.count = kCount;
    hop.messages = messages;
    hop.native = elements + kCount;
    return machine().run(hop, streams_[stream]);
  }
  Status give_all() const {
    DevicePlace before;
    COLL_TRY(machine().use(0, &before));
    for (uint32_t step = 0; step < kMostDeviceOrders / 2; ++step) {
      for (size_t stream = 0; stream < kStreams; ++stream) COLL_TRY(give_step(stream, step));
    }
    return machine().leave(before);
  }

  DevicePlace before_;
  void* memory_ = nullptr;
  uint32_t* words_ = nullptr;
  std::array<collStream_t, kStreams> streams_{};
};

TEST_F(Orders, AreAllTakenWhileTheirStreamsWait) {
  std::future<Status> giving = std::async(std::launch::async, [this] { return give_all(); });
  const bool taken = giving.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  for (size_t stream = 0; stream < kStreams; ++stream) __atomic_store_n(opened(stream), kOpen, __ATOMIC_RELEASE);
  const Status given = giving.get();
  EXPECT_TRUE(given.ok()) << given.message();
  EXPECT_TRUE(taken) << "giving " << kMostDeviceOrders << " orders to each of " << kStreams
                     << " streams waited for one of them: kMostDeviceOrders is too large for this driver";
  for (const collStream_t stream : streams_) EXPECT_TRUE(machine().synchronize(stream).ok());
}

}  // namespace
}  // namespace coll
