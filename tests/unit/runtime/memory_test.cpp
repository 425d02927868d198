// collMemAlloc() and its kin as a program meets them; what collectives make of the memory is in the conformance suite.
#include <coll/coll.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "tests/support/world.hpp"

namespace coll::test {

namespace {

std::string last_error() { return collGetLastError(nullptr); }

TEST(MemAlloc, GivesZeroedPagesOfTheProgram) {
  void* memory = nullptr;
  ASSERT_EQ(collMemAlloc(&memory, 100001), collSuccess) << last_error();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 4096, 0u);
  const auto* bytes = static_cast<const unsigned char*>(memory);
  for (size_t i = 0; i < 100001; ++i) ASSERT_EQ(bytes[i], 0);
  std::memset(memory, 1, 100001);
  EXPECT_EQ(collMemFree(memory), collSuccess);
}

TEST(MemAlloc, NothingIsNull) {
  int x = 0;
  void* memory = &x;
  EXPECT_EQ(collMemAlloc(&memory, 0), collSuccess);
  EXPECT_EQ(memory, nullptr);
  EXPECT_EQ(collMemFree(nullptr), collSuccess);
}

TEST(MemAlloc, WrongUseIsSaid) {
  EXPECT_EQ(collMemAlloc(nullptr, 8), collInvalidArgument);
  EXPECT_NE(last_error().find("ptr is NULL"), std::string::npos) << last_error();
  int x = 0;
  EXPECT_EQ(collMemFree(&x), collInvalidArgument);
  EXPECT_NE(last_error().find("collMemAlloc"), std::string::npos) << last_error();
  void* memory = nullptr;
  ASSERT_EQ(collMemAlloc(&memory, 8), collSuccess);
  EXPECT_EQ(collMemFree(static_cast<char*>(memory) + 1), collInvalidArgument);
  EXPECT_EQ(collMemFree(memory), collSuccess);
  EXPECT_EQ(collMemFree(memory), collInvalidArgument);
}

TEST(MemAlloc, MoreThanThereIsIsAnError) {
  void* memory = nullptr;
  EXPECT_EQ(collMemAlloc(&memory, size_t{1} << 60), collSystemError);
  EXPECT_EQ(memory, nullptr);
}

// Regions that come and go between calls: the peers must not read the memory that was there before.
TEST(MemAlloc, FreedMemoryIsForgottenByThePeers) {
  World world(WorldOptions{one_node(2), true});
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    for (int i = 0; i < 20; ++i) {
      const size_t count = 40000 + 1000 * static_cast<size_t>(i % 3);
      float* data = nullptr;
      ASSERT_EQ(collMemAlloc(reinterpret_cast<void**>(&data), count * sizeof(float)), collSuccess);
      for (size_t k = 0; k < count; ++k) data[k] = static_cast<float>(i + rank);
      ASSERT_EQ(collAllReduce(data, data, count, collFloat32, collSum, world.handle(rank), nullptr), collSuccess);
      for (size_t k = 0; k < count; ++k) ASSERT_EQ(data[k], static_cast<float>(2 * i + 1));
      ASSERT_EQ(collMemFree(data), collSuccess);
    }
  });
}

// In place, where both ranks make the whole result: neither may wait for the other to read its input first. The chunks
// in flight do not fit the arena together, so some of the input is not copied there.
TEST(MemAlloc, InPlaceWorksWhereTheArenaIsFull) {
  WorldOptions options{one_node(2), true};
  options.edit = [](int, Config& config) {
    config.env.algo = "oneshot";
    config.env.chunk_bytes = size_t{2} << 20;
    config.buffer_bytes = size_t{64} << 20;
    config.timeout_ms = 5000;
  };
  World world(options);
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    constexpr size_t kCount = size_t{4} << 20;
    float* data = nullptr;
    ASSERT_EQ(collMemAlloc(reinterpret_cast<void**>(&data), kCount * sizeof(float)), collSuccess);
    for (size_t k = 0; k < kCount; ++k) data[k] = static_cast<float>(k % 1000 + static_cast<size_t>(rank));
    EXPECT_EQ(collAllReduce(data, data, kCount, collFloat32, collSum, world.handle(rank), nullptr), collSuccess)
        << last_error();
    size_t wrong = 0;
    for (size_t k = 0; k < kCount; ++k) wrong += data[k] != static_cast<float>(2 * (k % 1000) + 1);
    EXPECT_EQ(wrong, 0u);
    EXPECT_EQ(collMemFree(data), collSuccess);
  });
}

TEST(Register, HandleBelongsToItsCommunicator) {
  World world(WorldOptions{one_node(2), true});
  ASSERT_TRUE(world.ok()) << world.why();
  float buffer[16];
  void* handle = nullptr;
  ASSERT_EQ(collCommRegister(world.handle(0), buffer, sizeof buffer, &handle), collSuccess);
  EXPECT_EQ(collCommDeregister(world.handle(1), handle), collInvalidArgument);
  EXPECT_EQ(collCommDeregister(world.handle(0), handle), collSuccess);
  EXPECT_EQ(collCommRegister(world.handle(0), buffer, 0, &handle), collInvalidArgument);
  EXPECT_EQ(collCommRegister(world.handle(0), nullptr, 4, &handle), collInvalidArgument);
  EXPECT_EQ(collCommRegister(nullptr, buffer, 4, &handle), collInvalidArgument);
  EXPECT_EQ(collCommDeregister(world.handle(0), nullptr), collInvalidArgument);
}

}  // namespace

}  // namespace coll::test
