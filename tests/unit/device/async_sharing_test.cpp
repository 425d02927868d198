// Memory that ranks share on the GPU that is none: other addresses of the same bytes, for as long as they may be used.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <numeric>
#include <utility>
#include <vector>

#include "support/async_device.hpp"

namespace coll::test {
namespace {

constexpr size_t kCount = 1000;
constexpr size_t kBytes = kCount * sizeof(float);
using Floats = std::vector<float>;

// Memory of device 0, which device 1 opens.
class AsyncSharingTest : public ::testing::Test {
 protected:
  AsyncSharingTest() {
    std::iota(values_.begin(), values_.end(), 1.0f);
    on(0, [this] {
      EXPECT_TRUE(device_.allocate(kBytes, &memory_).ok());
      EXPECT_TRUE(device_.share(memory_, &share_).ok());
    });
    device_.upload(memory_, values_.data(), kBytes);
  }
  ~AsyncSharingTest() override {
    if (memory_ != nullptr) release();
    EXPECT_EQ(device_.live(), 0u);
  }

  template <class Work>
  void on(int device, const Work& work) {
    DevicePlace before;
    EXPECT_TRUE(device_.use(device, &before).ok());
    work();
    EXPECT_TRUE(device_.leave(before).ok());
  }
  Status open(int device, void** alias) {
    Status opened;
    on(device, [&] { opened = device_.open_shared(share_, alias); });
    return opened;
  }
  Status close(int device, void* alias) {
    Status closed;
    on(device, [&] { closed = device_.close_shared(alias); });
    return closed;
  }
  void release() {
    on(0, [this] { EXPECT_TRUE(device_.release(std::exchange(memory_, nullptr)).ok()); });
  }
  // to = to + to, by work of a device's default stream.
  Status doubled(int device, void* to) {
    Status status;
    const std::array<const void*, 1> messages{to};
    const DeviceHop hop{.codec = "none", .count = kCount, .own = to, .messages = messages, .native = to};
    on(device, [&] {
      EXPECT_TRUE(device_.run(hop, nullptr).ok());
      status = device_.synchronize(nullptr);
    });
    return status;
  }
  Floats content(const void* memory) {
    Floats all(kCount);
    device_.download(all.data(), memory, kBytes);
    return all;
  }

  AsyncDevice device_;
  void* memory_ = nullptr;
  DeviceShare share_;
  Floats values_ = Floats(kCount);
};

TEST_F(AsyncSharingTest, WhatIsOpenedReachesTheOwnersBytes) {
  void* alias = nullptr;
  ASSERT_TRUE(open(1, &alias).ok());
  EXPECT_NE(alias, memory_);
  EXPECT_EQ(content(alias), values_);
  ASSERT_TRUE(doubled(1, alias).ok());
  for (float& value : values_) value *= 2;
  EXPECT_EQ(content(memory_), values_);
  ASSERT_TRUE(doubled(0, memory_).ok());
  for (float& value : values_) value *= 2;
  EXPECT_EQ(content(alias), values_);
  EXPECT_EQ(device_.live(), 1u);
  EXPECT_EQ(device_.opened(), 1u);
  ASSERT_TRUE(close(1, alias).ok());
  EXPECT_EQ(device_.opened(), 0u);
  EXPECT_EQ(content(memory_), values_);
}

TEST_F(AsyncSharingTest, WhatIsOpenedIsMemoryOfTheDeviceThatOpenedIt) {
  void* alias = nullptr;
  ASSERT_TRUE(open(1, &alias).ok());
  MemoryOwner owner;
  ASSERT_TRUE(device_.owner_of(static_cast<std::byte*>(alias) + kBytes - 1, &owner).ok());
  EXPECT_EQ(std::pair(owner.kind, owner.device), std::pair(MemoryKind::kDevice, 1));
  ASSERT_TRUE(device_.owner_of(static_cast<std::byte*>(alias) + kBytes, &owner).ok());
  EXPECT_EQ(owner.kind, MemoryKind::kHost);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  EXPECT_TRUE(::write(ends[1], alias, 1) == -1 && errno == EFAULT);  // the host does not touch it
  for (const int end : ends) ::close(end);
  EXPECT_FALSE(close(0, alias).ok());
  EXPECT_FALSE(device_.release(alias).ok());
  EXPECT_EQ(device_.opened(), 1u);
  EXPECT_TRUE(close(1, alias).ok());
}

TEST_F(AsyncSharingTest, WorkUsesTheAddressesOfItsDevice) {
  void* alias = nullptr;
  ASSERT_TRUE(open(1, &alias).ok());
  EXPECT_EQ(doubled(1, memory_).code(), collUnhandledCudaError);
  EXPECT_EQ(doubled(0, alias).code(), collUnhandledCudaError);
  EXPECT_EQ(content(memory_), values_);
  EXPECT_TRUE(close(1, alias).ok());
}

TEST_F(AsyncSharingTest, EachOpeningIsClosed) {
  void *first = nullptr, *second = nullptr, *third = nullptr;
  ASSERT_TRUE(open(1, &first).ok());
  ASSERT_TRUE(open(1, &second).ok());
  ASSERT_TRUE(open(0, &third).ok());  // another rank on the owner's device
  EXPECT_EQ(device_.opened(), 3u);
  EXPECT_TRUE(doubled(0, third).ok());
  ASSERT_TRUE(close(1, first).ok());
  EXPECT_FALSE(close(1, first).ok());
  EXPECT_FALSE(close(0, memory_).ok());  // never opened
  EXPECT_EQ(doubled(1, first).code(), collUnhandledCudaError);
  EXPECT_EQ(content(second)[2], 6.0f);
  ASSERT_TRUE(open(1, &first).ok());
  EXPECT_EQ(content(first)[2], 6.0f);
  for (void* const alias : {first, second}) EXPECT_TRUE(close(1, alias).ok());
  EXPECT_TRUE(close(0, third).ok());
  EXPECT_EQ(device_.opened(), 0u);
}

TEST_F(AsyncSharingTest, NothingReachesWhatItsOwnerHasReleased) {
  void *alias = nullptr, *late = nullptr;
  ASSERT_TRUE(open(1, &alias).ok());
  release();
  EXPECT_EQ(open(1, &late).code(), collUnhandledCudaError);
  const Status failure = doubled(1, alias);
  EXPECT_EQ(failure.code(), collUnhandledCudaError);
  EXPECT_NE(failure.message().find("has released it"), std::string::npos) << failure.message();
  EXPECT_TRUE(close(1, alias).ok());
  EXPECT_EQ(device_.opened(), 0u);
}

TEST_F(AsyncSharingTest, RefusesWhatCannotBeShared) {
  void *pinned = nullptr, *alias = nullptr;
  DeviceShare share;
  on(1, [&] { EXPECT_EQ(device_.share(memory_, &share).code(), collUnhandledCudaError); });
  on(0, [&] {
    ASSERT_TRUE(device_.allocate_pinned(kBytes, &pinned).ok());
    EXPECT_EQ(device_.share(pinned, &share).code(), collUnsupported);
    EXPECT_EQ(device_.share(&share, &share).code(), collUnsupported);
    EXPECT_EQ(device_.share(static_cast<std::byte*>(memory_) + 4, &share).code(), collUnsupported);
    EXPECT_FALSE(device_.open_shared({}, &alias).ok());
    ASSERT_TRUE(device_.open_shared(share_, &alias).ok());
    EXPECT_EQ(device_.share(alias, &share).code(), collUnsupported);
    EXPECT_TRUE(device_.close_shared(alias).ok());
    ASSERT_TRUE(device_.release_pinned(pinned).ok());
  });
  device_.forbid_opening(true);
  const Status refused = open(1, &alias);
  EXPECT_EQ(refused.code(), collUnsupported);
  EXPECT_FALSE(refused.message().empty());
  EXPECT_EQ(device_.opened(), 0u);
  device_.forbid_opening(false);
  ASSERT_TRUE(open(1, &alias).ok());
  EXPECT_TRUE(close(1, alias).ok());
}

}  // namespace
}  // namespace coll::test
