// collMemAllocDevice() as a program meets it, over a device that is none.
#include "tests/support/device_calls.hpp"

namespace coll::test {

namespace {

std::string last_error() { return collGetLastError(nullptr); }

TEST_F(DeviceCalls, ServeMemoryThatTheLibraryGave) {
  for (const size_t count : {kShort, kLong}) {
    const size_t before = device_->live();
    void* memory[2] = {};
    for (int rank = 0; rank < 2; ++rank) {
      ASSERT_EQ(collMemAllocDevice(&memory[rank], count * sizeof(float), 1), collSuccess) << last_error();
      MemoryOwner owner;
      ASSERT_TRUE(device_->owner_of(memory[rank], &owner).ok());
      EXPECT_EQ(owner.kind, MemoryKind::kDevice);
      EXPECT_EQ(owner.device, 1);
    }
    EXPECT_EQ(device_->live(), before + 2);
    World world(options_for(one_node(2)));
    ASSERT_TRUE(world.ok()) << world.why();
    world.run([&](int rank, Communicator&) {
      std::vector<float> values(count, 1);
      device_->download(values.data(), memory[rank], count * sizeof(float));
      EXPECT_EQ(values, std::vector<float>(count, 0));
      values.assign(count, static_cast<float>(rank + 1));
      device_->upload(memory[rank], values.data(), count * sizeof(float));
      const collStream_t stream = device_->user_stream(rank, 1);
      ASSERT_EQ(collAllReduce(memory[rank], memory[rank], count, collFloat32, collSum, world.handle(rank), stream),
                collSuccess)
          << last_error();
      ASSERT_TRUE(on_device(*device_, 1, [&] { return device_->synchronize(stream); }).ok());
      device_->download(values.data(), memory[rank], count * sizeof(float));
      EXPECT_EQ(values, std::vector<float>(count, 3));
    });
    const size_t with_memory = device_->live();
    for (void* const each : memory) EXPECT_EQ(collMemFree(each), collSuccess) << last_error();
    EXPECT_EQ(device_->live(), with_memory - 2);
  }
}

TEST_F(DeviceCalls, DoNotMixUpKindsOfMemory) {
  const size_t before = device_->live();
  void *host = nullptr, *device = nullptr;
  ASSERT_EQ(collMemAlloc(&host, 100), collSuccess);
  ASSERT_EQ(collMemAllocDevice(&device, 100, 0), collSuccess) << last_error();
  EXPECT_EQ(collMemFree(static_cast<char*>(device) + 1), collInvalidArgument);
  EXPECT_EQ(collMemFree(device), collSuccess);
  EXPECT_EQ(device_->live(), before);
  EXPECT_EQ(collMemFree(device), collInvalidArgument);
  EXPECT_NE(last_error().find("collMemAllocDevice"), std::string::npos) << last_error();
  std::memset(host, 1, 100);  // still there
  EXPECT_EQ(collMemFree(host), collSuccess);
  EXPECT_EQ(collMemFree(host), collInvalidArgument);
}

TEST_F(DeviceCalls, SayWhyThereIsNoMemory) {
  const size_t before = device_->live();
  int x = 0;
  const auto refused = [&x](size_t bytes, int device) {
    void* memory = &x;
    const collResult_t result = collMemAllocDevice(&memory, bytes, device);
    EXPECT_EQ(memory, nullptr);
    return result;
  };
  EXPECT_EQ(collMemAllocDevice(nullptr, 8, 0), collInvalidArgument);
  EXPECT_NE(last_error().find("ptr is NULL"), std::string::npos) << last_error();
  EXPECT_EQ(refused(0, 0), collInvalidArgument);
  EXPECT_NE(last_error().find("bytes is 0"), std::string::npos) << last_error();
  for (const int device : {-1, 2}) {
    EXPECT_EQ(refused(8, device), collInvalidArgument);
    EXPECT_NE(last_error().find(text("device is ", device, ", and this process has 2")), std::string::npos)
        << last_error();
  }
  const size_t bytes = AsyncDevice::kMemoryBytes + 1;
  EXPECT_EQ(refused(bytes, 1), collUnhandledCudaError);
  EXPECT_NE(last_error().find(text("no ", bytes, " bytes on device 1, which has ", bytes - 1)), std::string::npos)
      << last_error();
  EXPECT_EQ(device_->live(), before);
}

// With the machine's own devices, if any.
TEST(DeviceMemory, IsThereWhereADeviceIs) {
  std::unique_ptr<DeviceOperations> operations;
  const Status devices = open_devices(&operations);
  void* memory = &operations;
  EXPECT_EQ(collMemAllocDevice(&memory, 8, 0), devices.ok() ? collSuccess : collUnsupported) << last_error();
  EXPECT_EQ(memory != nullptr, devices.ok());
  if (!devices.ok()) {
    EXPECT_NE(last_error().find(devices.message()), std::string::npos) << last_error();
  }
  EXPECT_EQ(collMemFree(memory), collSuccess);
}

}  // namespace

}  // namespace coll::test
