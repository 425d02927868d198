// The board's promise: nobody reads a slot that is being written again, and everybody reads what was meant.
#include "transport/board.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <thread>

namespace coll::test {

namespace {

constexpr size_t kSlotBytes = 256;

// Ranks as threads over one piece of memory.
class Ranks {
 public:
  explicit Ranks(size_t count) : memory_(new (std::align_val_t{64}) std::byte[Board::bytes(count, kSlotBytes)]()) {
    for (size_t rank = 0; rank < count; ++rank) places_.push_back(static_cast<int>(rank));
  }
  ~Ranks() { ::operator delete[](memory_, std::align_val_t{64}); }
  Board board(size_t rank) const { return {memory_, kSlotBytes, places_, rank}; }

 private:
  std::byte* memory_;
  std::vector<int> places_;
};

void post(Board& board, uint64_t number, uint64_t value) {
  std::memcpy(board.payload(number, sizeof value), &value, sizeof value);
  board.post(number);
}

TEST(Board, AWriterWaitsForTheSlowestReader) {
  const Ranks ranks(2);
  Board writer = ranks.board(0);
  Board reader = ranks.board(1);
  for (uint64_t number = 1; number <= Board::kSlots; ++number) {
    ASSERT_EQ(writer.reserve(), number);
    ASSERT_TRUE(writer.may_post(number));
    post(writer, number, number);
    writer.finish(number);
  }
  const uint64_t next = writer.reserve();
  EXPECT_FALSE(writer.may_post(next));
  EXPECT_EQ(writer.awaited_to_post(next), 1);
  EXPECT_EQ(writer.awaited_to_post(next + 1), -1) << "this rank's own post is before it";
  // Once the reader has posted its second, it is through with the writer's first.
  for (uint64_t number = 1; number <= 2; ++number) {
    EXPECT_FALSE(writer.may_post(next));
    ASSERT_EQ(reader.reserve(), number);
    ASSERT_TRUE(reader.may_post(number));
    reader.post(number);
    const std::byte* payload = reader.look(0, number, sizeof number);
    ASSERT_NE(payload, nullptr);
    EXPECT_EQ(std::memcmp(payload, &number, sizeof number), 0);
    reader.finish(number);
  }
  EXPECT_TRUE(writer.may_post(next));
}

TEST(Board, OwnPostsComeInOrder) {
  const Ranks ranks(1);
  Board board = ranks.board(0);
  const uint64_t first = board.reserve();
  const uint64_t second = board.reserve();
  EXPECT_FALSE(board.may_post(second));
  ASSERT_TRUE(board.may_post(first));
  board.post(first);
  EXPECT_FALSE(board.may_post(second));
  board.finish(first);
  EXPECT_TRUE(board.may_post(second));
}

// Some calls, as a broadcast, are over for a rank that has read nothing; it then runs ahead of the others.
TEST(Board, RanksThatRunAheadNeverSpoilWhatOthersRead) {
  constexpr size_t kRanks = 3;
  constexpr uint64_t kCalls = 20000;
  const Ranks ranks(kRanks);
  std::vector<std::thread> threads;
  for (size_t rank = 0; rank < kRanks; ++rank) {
    threads.emplace_back([&ranks, rank] {
      Board board = ranks.board(rank);
      for (uint64_t call = 1; call <= kCalls; ++call) {
        const uint64_t number = board.reserve();
        const size_t root = call / 7 % kRanks;
        while (!board.may_post(number)) std::this_thread::yield();
        const uint64_t value = number * 1000 + rank;
        post(board, number, value);
        for (size_t peer = 0; peer < kRanks; ++peer) {
          if (peer == rank || (root != peer && call % 2 == 0)) continue;
          const std::byte* payload = nullptr;
          while ((payload = board.look(static_cast<int>(peer), number, sizeof value)) == nullptr)
            std::this_thread::yield();
          uint64_t seen = 0;
          std::memcpy(&seen, payload, sizeof seen);
          ASSERT_EQ(seen, number * 1000 + peer);
        }
        board.finish(number);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

}  // namespace coll::test
