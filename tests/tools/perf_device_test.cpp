// The perf tools' way to a device, over one that is none: which device a rank takes, memory, copies and times.
#include "perf/tools/device.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "tests/support/async_device.hpp"

namespace coll::perf {
namespace {

TEST(PerfDevice, RanksOfANodeTakeItsDevicesInTurn) {
  const auto devices_of = [](int ranks, int ranks_per_gpu, int devices) {
    std::vector<int> taken;
    for (int rank = 0; rank < ranks; ++rank) taken.push_back(device_of({rank, ranks, ranks_per_gpu}, devices));
    return taken;
  };
  EXPECT_EQ(devices_of(1, 0, 8), std::vector<int>({0}));
  EXPECT_EQ(devices_of(4, 0, 4), std::vector<int>({0, 1, 2, 3}));
  EXPECT_EQ(devices_of(4, 0, 8), std::vector<int>({0, 1, 2, 3}));
  EXPECT_EQ(devices_of(5, 0, 2), std::vector<int>({0, 0, 0, 1, 1}));
  EXPECT_EQ(devices_of(4, 2, 8), std::vector<int>({0, 0, 1, 1}));
  EXPECT_EQ(devices_of(4, 1, 2), std::vector<int>({0, 1, 0, 1}));
}

TEST(PerfDevice, CopiesAndTakesTheStreamsTime) {
  auto fake = std::make_unique<test::AsyncDevice>();
  test::AsyncDevice& operations = *fake;
  std::vector<int> there(1000), back(1000, -1);
  std::iota(there.begin(), there.end(), 0);
  const size_t bytes = there.size() * sizeof(int);
  operations.own(there.data(), bytes, MemoryKind::kPinned, -1);
  operations.own(back.data(), bytes, MemoryKind::kPinned, -1);

  Device device(std::move(fake));
  ASSERT_FALSE(device.take({1, 2, 1})) << "the second of two devices";
  EXPECT_EQ(device.name(), "fake");
  EXPECT_NE(device.stream(), nullptr);
  {
    const DeviceMemory memory(device, bytes, false);
    MemoryOwner owner;
    ASSERT_TRUE(operations.owner_of(memory.data(), &owner).ok());
    EXPECT_EQ(owner.device, 1);
    double us = -1;
    EXPECT_FALSE(device.start());
    EXPECT_FALSE(device.copy(memory.data(), there.data(), bytes));
    EXPECT_FALSE(device.stop(&us));
    EXPECT_GT(us, 0);
    EXPECT_FALSE(device.copy(back.data(), memory.data(), bytes));
    EXPECT_EQ(back, there);
    std::vector<int> pageable(1000);  // which this device does not reach
    const Problem refused = device.copy(memory.data(), pageable.data(), bytes);
    EXPECT_TRUE(refused);
    EXPECT_NE(refused.text.find("--memory device"), std::string::npos) << refused.text;
  }
  DevicePlace before;
  ASSERT_TRUE(operations.use(0, &before).ok());  // the next test's
}

}  // namespace
}  // namespace coll::perf
