// A device that no call is on gets no context, whichever thread calls or moves calls on: on a node with several GPUs
// every rank would otherwise take memory of the first.
#include "tests/support/device_calls.hpp"

namespace coll::test {

namespace {

constexpr int kOwn = 1;  // not the one that threads come to by themselves

using DeviceContexts = DeviceCalls;

template <class Body>
void expect_there(const AsyncDevice& device, const Body& body) {
  const Status status = on_device(device, kOwn, body);
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_FALSE(AsyncDevice::is_thread_at_a_device());
}

TEST_F(DeviceContexts, AreMadeOnTheCallsDeviceAlone) {
  {
    World world(options_for(one_node(2)));
    ASSERT_TRUE(world.ok()) << world.why();
    world.run([&](int rank, Communicator&) {
      const collStream_t stream = device_->user_stream(rank, kOwn);
      for (const size_t count : {kShort, kLong}) {
        const size_t bytes = count * sizeof(float);
        void* memory = nullptr;
        expect_there(*device_, [&] { return device_->allocate(bytes, &memory); });
        std::vector<float> values(count, 1);
        device_->upload(memory, values.data(), bytes);
        ASSERT_EQ(collAllReduce(memory, memory, count, collFloat32, collSum, world.handle(rank), stream), collSuccess)
            << collGetLastError(nullptr);
        collResult_t state = collSuccess;
        EXPECT_EQ(collCommGetAsyncError(world.handle(rank), &state), collSuccess);
        EXPECT_FALSE(AsyncDevice::is_thread_at_a_device());
        expect_there(*device_, [&] { return device_->synchronize(stream); });
        device_->download(values.data(), memory, bytes);
        EXPECT_EQ(values, std::vector<float>(count, 2));
        expect_there(*device_, [&] { return device_->release(memory); });
      }
    });
    for (int rank = 0; rank < 2; ++rank) EXPECT_TRUE(world.communicator(rank).finalize().ok());
  }
  EXPECT_EQ(device_->contexts(), std::set<int>({kOwn}));
}

TEST_F(DeviceContexts, ThatAThreadHasAreGivenBack) {
  run_threads(1, [&](int) {
    DevicePlace nowhere;
    ASSERT_TRUE(device_->use(0, &nowhere).ok());  // the program's choice
    int device = -1;
    const auto look = [&] { return device_->current(&device); };
    EXPECT_TRUE(on_device(*device_, kOwn, look).ok());
    EXPECT_EQ(device, kOwn);
    EXPECT_TRUE(look().ok());
    EXPECT_EQ(device, 0);
    EXPECT_FALSE(on_device(*device_, kOwn, [] { return Status(collSystemError, "body"); }).ok());
    EXPECT_TRUE(look().ok());
    EXPECT_EQ(device, 0);
  });
}

}  // namespace

}  // namespace coll::test
