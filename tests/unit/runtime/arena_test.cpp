// Blocks of an arena never overlap, come back, and grow together again.
#include "runtime/arena.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace coll::test {

namespace {

constexpr size_t kBytes = 64 << 10;

struct Memory {
  alignas(64) std::byte bytes[kBytes];
};

TEST(Arena, GivesTheLowestFreeBlock) {
  const auto memory = std::make_unique<Memory>();
  const auto arena = std::make_shared<Arena>(std::span(memory->bytes));
  Block first = arena->take(1000);
  const Block second = arena->take(1000);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first.data(), memory->bytes);
  EXPECT_GE(second.data(), first.data() + 1000);
  const std::byte* const at = first.data();
  first = {};
  EXPECT_EQ(arena->take(500).data(), at);
}

TEST(Arena, IsEmptyWhereNothingFits) {
  const auto memory = std::make_unique<Memory>();
  const auto arena = std::make_shared<Arena>(std::span(memory->bytes));
  EXPECT_FALSE(arena->take(kBytes + 1));
  EXPECT_FALSE(arena->take(0));
  const Block all = arena->take(kBytes);
  EXPECT_TRUE(all);
  EXPECT_FALSE(arena->take(1));
  EXPECT_FALSE(std::make_shared<Arena>(std::span<std::byte>())->take(1));
}

TEST(Arena, BlocksKeepTheArenaAndOutliveItsLastUser) {
  const auto memory = std::make_unique<Memory>();
  auto arena = std::make_shared<Arena>(std::span(memory->bytes));
  const Block block = arena->take(100);
  arena.reset();
  EXPECT_EQ(block.data(), memory->bytes);
}

// Each block is filled with its own number; a wrong byte later was somebody else's.
TEST(Arena, RandomBlocksStayApartAndAllMemoryComesBack) {
  const auto memory = std::make_unique<Memory>();
  const auto arena = std::make_shared<Arena>(std::span(memory->bytes));
  std::mt19937 random(7);
  struct Held {
    Block block;
    size_t bytes;
    std::byte mark;
  };
  std::vector<Held> held;
  for (int i = 0; i < 5000; ++i) {
    if (random() % 2 == 0 && !held.empty()) {
      const size_t which = random() % held.size();
      const Held& out = held[which];
      for (size_t b = 0; b < out.bytes; ++b) ASSERT_EQ(out.block.data()[b], out.mark);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
      continue;
    }
    const size_t bytes = 1 + random() % 9000;
    Block block = arena->take(bytes);
    if (!block) continue;
    ASSERT_GE(block.capacity(), bytes);
    const auto mark = static_cast<std::byte>(i);
    std::fill_n(block.data(), bytes, mark);
    held.push_back({std::move(block), bytes, mark});
  }
  held.clear();
  EXPECT_TRUE(arena->take(kBytes));
}

}  // namespace

}  // namespace coll::test
