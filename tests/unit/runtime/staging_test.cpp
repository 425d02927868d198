#include "runtime/staging.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <thread>

namespace coll::test {

namespace {

TEST(Staging, BlocksAreAlignedAndLargeEnough) {
  const auto pool = std::make_shared<StagingPool>();
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{256}, size_t{257}, size_t{100000}, size_t{3} << 20}) {
    const Block block = pool->take(bytes);
    ASSERT_TRUE(block);
    EXPECT_GE(block.capacity(), bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block.data()) % 64, 0u);
    std::memset(block.data(), 1, block.capacity());
  }
}

TEST(Staging, MemoryIsUsedAgainOnceTheLastReferenceIsGone) {
  const auto pool = std::make_shared<StagingPool>();
  Block first = pool->take(1000);
  const std::byte* const memory = first.data();
  const Block second = pool->take(1000);
  EXPECT_NE(second.data(), memory);
  Block shared = first;
  first = {};
  EXPECT_NE(pool->take(1000).data(), memory) << "still referred to";
  shared = {};
  const size_t held = pool->held_bytes();
  std::vector<Block> both = {pool->take(1000), pool->take(1000)};
  EXPECT_TRUE(both[0].data() == memory || both[1].data() == memory);
  EXPECT_EQ(pool->held_bytes(), held);
}

TEST(Staging, IdleMemoryHasALimit) {
  const auto pool = std::make_shared<StagingPool>();
  {
    std::vector<Block> blocks;
    for (int i = 0; i < 40; ++i) blocks.push_back(pool->take(size_t{4} << 20));
    EXPECT_EQ(pool->held_bytes(), size_t{160} << 20);
  }
  EXPECT_LE(pool->held_bytes(), size_t{64} << 20);
}

TEST(Staging, BlocksMayOutliveTheirPoolsOwner) {
  auto pool = std::make_shared<StagingPool>();
  Block block = pool->take(5000);
  pool.reset();
  std::memset(block.data(), 7, block.capacity());
  block = {};
}

TEST(Staging, EmptyBlockIsEmpty) {
  const Block block;
  EXPECT_FALSE(block);
  EXPECT_EQ(block.data(), nullptr);
  EXPECT_EQ(block.capacity(), 0u);
}

TEST(Staging, MoreThanThereIsIsAnEmptyBlock) {
  const auto pool = std::make_shared<StagingPool>();
  const Block block = pool->take(size_t{1} << 60);
  EXPECT_FALSE(block);
  EXPECT_EQ(pool->held_bytes(), 0u) << "what was not given is not held";
}

TEST(Staging, ThreadsShareAPool) {
  const auto pool = std::make_shared<StagingPool>();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pool, t] {
      for (size_t i = 0; i < 2000; ++i) {
        const Block block = pool->take(1 + i * 37 % 5000);
        std::memset(block.data(), t, block.capacity());
        for (size_t at = 0; at < block.capacity(); at += 97) ASSERT_EQ(block.data()[at], std::byte(t));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

}  // namespace coll::test
