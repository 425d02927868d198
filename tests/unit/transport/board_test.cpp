// The board's promise: nobody reads a slot that is being written again, and everybody reads what was meant.
#include "transport/board.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "tests/support/board_ranks.hpp"

namespace coll::test {

namespace {

constexpr Board::Shape kShape{Board::kLeastSlots, 256};

struct Ranks : BoardRanks {
  explicit Ranks(size_t count) : BoardRanks(count, kShape) {}
};

constexpr Board::Post post_of(uint64_t number, bool is_last = false) { return {number, sizeof number, is_last, false}; }

void post(Board& board, const Board::Post& post, uint64_t value) {
  std::memcpy(board.payload(post), &value, sizeof value);
  board.post(post);
}

TEST(Board, AWriterWaitsForTheSlowestReader) {
  for (const bool is_short : {false, true}) {
    const uint64_t slots = is_short ? Board::kShortSlots : kShape.slots;
    const auto nth = [&](uint64_t number) { return Board::Post{number, sizeof number, true, is_short}; };
    const Ranks ranks(2);
    Board writer = ranks.board(0);
    Board reader = ranks.board(1);
    for (uint64_t number = 1; number <= slots; ++number) {
      ASSERT_EQ(writer.reserve(1), number);
      ASSERT_TRUE(writer.may_post(nth(number)));
      post(writer, nth(number), number);
      writer.finish(number);
    }
    const uint64_t next = writer.reserve(1);
    EXPECT_FALSE(writer.may_post(nth(next)));
    EXPECT_EQ(writer.awaited_to_post(), 1);
    ASSERT_TRUE(reader.may_post(nth(1)));
    reader.post(nth(1));
    EXPECT_FALSE(writer.may_post(nth(next))) << "the reader has posted, and not read";
    const std::byte* payload = reader.look(0, nth(1));
    ASSERT_NE(payload, nullptr);
    const uint64_t expected = 1;
    EXPECT_EQ(std::memcmp(payload, &expected, sizeof expected), 0);
    reader.finish(1);
    EXPECT_FALSE(writer.may_post(nth(next))) << "the reader has not said yet that it has read";
    // A writer that was held up goes on when more than the one slot is free.
    for (uint64_t number = 2; number <= 1 + Board::kMoreSlots; ++number) {
      EXPECT_FALSE(writer.may_post(nth(next)));
      ASSERT_TRUE(reader.may_post(nth(number)));
      reader.finish(number);
      reader.post(nth(number));
    }
    EXPECT_TRUE(writer.may_post(nth(next)));
    EXPECT_EQ(writer.awaited_to_post(), -1);
  }
}

TEST(Board, CallsPostOneAfterTheOther) {
  const Ranks ranks(1);
  Board board = ranks.board(0);
  const uint64_t first = board.reserve(2);
  const uint64_t second = board.reserve(1);
  EXPECT_EQ(second, first + 2);
  EXPECT_TRUE(board.may_begin(first));
  EXPECT_FALSE(board.may_begin(second));
  board.finish(first);
  board.post(post_of(first));
  EXPECT_FALSE(board.may_begin(second));
  board.finish(first + 1);
  EXPECT_FALSE(board.may_begin(second)) << "its last post is still to come";
  board.post(post_of(first + 1));
  EXPECT_TRUE(board.may_begin(second));
}

// What a rank says of its reading stands in its posts: whoever reads late may not have posted all that it can.
TEST(Board, NobodyPostsFarAheadOfItsReading) {
  const Ranks ranks(1);
  Board board = ranks.board(0);
  for (const bool is_last : {false, true}) {
    const uint64_t lag = is_last ? Board::kShortLag : Board::kMostLag;
    board.finish(0);
    EXPECT_TRUE(board.may_post(post_of(lag, is_last)));
    EXPECT_FALSE(board.may_post(post_of(lag + 1, is_last)));
    board.finish(1);
    EXPECT_TRUE(board.may_post(post_of(lag + 1, is_last)));
  }
}

// A rank that has nothing to post reads on while it waits to say so.
TEST(Board, WhatIsPostedLateSaysNoMoreThanItMay) {
  const Ranks ranks(2);
  Board writer = ranks.board(0);
  Board reader = ranks.board(1);
  reader.finish(3);
  reader.post(post_of(1));
  EXPECT_NE(writer.look(1, post_of(1)), nullptr) << "the flag is the post's number still";
  for (uint64_t number = 1; number <= kShape.slots; ++number) {
    ASSERT_TRUE(writer.may_write(post_of(number)));
    post(writer, post_of(number), number);
  }
  EXPECT_TRUE(writer.may_write(post_of(kShape.slots + 1))) << "post 1 is read";
  EXPECT_FALSE(writer.may_write(post_of(kShape.slots + 5))) << "post 5 is not";
}

// Whether a rank reads the peer's posts: all ranks do, or they read the root's alone, as in a broadcast, or the root
// alone reads, as in a gather. Who reads nothing runs ahead of the others.
bool reads(uint64_t call, size_t rank, size_t peer, size_t root) {
  if (call % 5 < 2) return true;
  return call % 5 < 4 ? peer == root : rank == root;
}

// One rank's calls, long and short ones in turn.
void call_over_and_over(Board board, size_t rank, size_t ranks) {
  constexpr uint64_t kCalls = 20000;
  for (uint64_t call = 1; call <= kCalls; ++call) {
    const uint64_t posts = call % 3 == 0 ? 1 + call % 50 : 1;
    const uint64_t first = board.reserve(posts), end = first + posts;
    const size_t root = call / 7 % ranks;
    const auto nth = [&](uint64_t number) { return Board::Post{number, sizeof number, number + 1 == end, posts == 1}; };
    ASSERT_TRUE(board.may_begin(first));
    uint64_t next = first;
    const auto post_next = [&](Board& own) { post(own, nth(next), next * 1000 + rank), ++next; };
    for (uint64_t number = first; number < end; ++number) {
      while (next < end && board.may_post(nth(next))) post_next(board);
      for (size_t peer = 0; peer < ranks; ++peer) {
        if (peer == rank || !reads(call, rank, peer, root)) continue;
        const std::byte* payload = nullptr;
        while ((payload = board.look(static_cast<int>(peer), nth(number))) == nullptr) {
          if (next < end && board.may_post(nth(next))) post_next(board);
          std::this_thread::yield();
        }
        uint64_t seen = 0;
        std::memcpy(&seen, payload, sizeof seen);
        ASSERT_EQ(seen, number * 1000 + peer);
      }
      while (next <= number) {
        if (board.may_post(nth(next))) {
          post_next(board);
        } else {
          std::this_thread::yield();
        }
      }
      board.finish(number);
    }
  }
}

TEST(Board, NobodySpoilsWhatOthersRead) {
  constexpr size_t kRanks = 3;
  const Ranks ranks(kRanks);
  std::vector<std::thread> threads;
  for (size_t rank = 0; rank < kRanks; ++rank) {
    threads.emplace_back([&ranks, rank] { call_over_and_over(ranks.board(rank), rank, kRanks); });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

}  // namespace coll::test
