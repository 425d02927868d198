// Calls of one short post: what a plan comes to as a list of reads, run by ranks that take turns in one thread.
#include "runtime/short_run.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/support/board_ranks.hpp"
#include "tests/unit/collectives/shapes.hpp"

namespace coll::test {

namespace {

constexpr Board::Shape kShape{Board::kLeastSlots, size_t{16} << 10};
constexpr Function kFunctions[] = {Function::kAllReduce, Function::kReduceScatter, Function::kAllGather,
                                   Function::kBroadcast, Function::kReduce,        Function::kAllToAll,
                                   Function::kGather,    Function::kScatter};
constexpr int kRoot = 1;

using Values = std::vector<int32_t>;

class Node {
 public:
  explicit Node(size_t ranks) : ranks_(ranks, kShape) {
    for (size_t rank = 0; rank < ranks; ++rank) boards_.push_back(ranks_.board(rank));
  }
  Board& board(size_t rank) { return boards_[rank]; }

 private:
  BoardRanks ranks_;
  std::vector<Board> boards_;
};

Plan plan_for(size_t func, int nranks, int rank, size_t count) {
  const topo::Topology topology = shapes::even(1, nranks);
  PlanQuery query;
  query.func = shapes::kFuncs[func];
  query.count = count;
  query.type = collInt32;
  query.root = kRoot;
  query.rank = rank;
  query.board_bytes = kShape.payload_bytes;
  for (const Algorithm& each : algorithm_registry()) {
    if (each.name == "board") return plan_with(each, topology, query).value();
  }
  return {};
}

int32_t value_at(size_t rank, size_t i) { return static_cast<int32_t>(1000 * (rank + 1) + i); }

// What rank `me` must have in the end; empty: nothing.
Values expected(Function function, size_t nranks, size_t me, size_t count) {
  const bool rooted = function == Function::kReduce || function == Function::kGather;
  if (rooted && me != kRoot) return {};
  Values all;
  const bool from_all = function == Function::kAllGather || function == Function::kGather;
  if (from_all || function == Function::kAllToAll) {
    for (size_t rank = 0; rank < nranks; ++rank) {
      for (size_t i = 0; i < count; ++i) all.push_back(value_at(rank, (from_all ? 0 : me * count) + i));
    }
    return all;
  }
  const size_t first = function == Function::kReduceScatter || function == Function::kScatter ? me * count : 0;
  const bool sums =
      function == Function::kAllReduce || function == Function::kReduceScatter || function == Function::kReduce;
  for (size_t i = first; i < first + count; ++i) {
    int32_t sum = sums ? 0 : value_at(kRoot, i);
    for (size_t rank = 0; sums && rank < nranks; ++rank) sum += value_at(rank, i);
    all.push_back(sum);
  }
  return all;
}

struct Rank {
  Values send, recv;
  Plan plan;
  std::shared_ptr<const ShortPlan> short_plan;
  Call call{};
  std::unique_ptr<ShortRun> run;
};

// Ranks advance in turn, beginning with another one at each call.
void run_calls(size_t func, size_t nranks, size_t count, int calls) {
  const Function function = kFunctions[func];
  Node node(nranks);
  for (int call = 0; call < calls; ++call) {
    std::vector<Rank> ranks(nranks);
    for (size_t me = 0; me < nranks; ++me) {
      Rank& rank = ranks[me];
      rank.plan = plan_for(func, static_cast<int>(nranks), static_cast<int>(me), count);
      rank.short_plan = short_plan_of(rank.plan, sizeof(int32_t));
      ASSERT_NE(rank.short_plan, nullptr);
      for (size_t i = 0; i < nranks * count; ++i) rank.send.push_back(value_at(me, i));
      rank.recv.assign(nranks * count, -1);
      rank.call = {function,
                   reinterpret_cast<const std::byte*>(rank.send.data()),
                   reinterpret_cast<std::byte*>(rank.recv.data()),
                   count,
                   collInt32,
                   collSum,
                   kRoot};
      rank.run = std::make_unique<ShortRun>(rank.call, *rank.short_plan, node.board(me));
    }
    std::vector<bool> done(nranks, false);
    for (size_t turn = 0; turn < 3 * nranks; ++turn) {
      const size_t me = (turn + static_cast<size_t>(call)) % nranks;
      bool moved = false;
      if (!done[me]) done[me] = ranks[me].run->advance(&moved);
    }
    for (size_t me = 0; me < nranks; ++me) {
      ASSERT_TRUE(done[me]) << "rank " << me << " waits for rank " << ranks[me].run->awaited_rank();
      Values wanted = expected(function, nranks, me, count);
      wanted.resize(nranks * count, -1);
      EXPECT_EQ(ranks[me].recv, wanted) << name(function) << ", rank " << me << " of " << nranks;
    }
  }
}

TEST(ShortRun, EveryFunctionGivesItsResult) {
  for (size_t func = 0; func < std::size(kFunctions); ++func) {
    for (const size_t nranks : {2, 3, 5}) {
      for (const size_t count : {1, 7, 64}) run_calls(func, nranks, count, 12);
    }
  }
}

TEST(ShortRun, SaysWhomItWaitsFor) {
  Node node(2);
  const Plan plan = plan_for(0, 2, 0, 1);
  const auto short_plan = short_plan_of(plan, sizeof(int32_t));
  const int32_t send = 3;
  int32_t recv = 0;
  const Call call{Function::kAllReduce, reinterpret_cast<const std::byte*>(&send), reinterpret_cast<std::byte*>(&recv),
                  1, collInt32};
  ShortRun first(call, *short_plan, node.board(0));
  ShortRun second(call, *short_plan, node.board(0));
  bool moved = false;
  EXPECT_FALSE(second.advance(&moved));
  EXPECT_FALSE(moved);
  EXPECT_EQ(second.awaited_rank(), -1) << "it waits for the call before it";
  EXPECT_FALSE(first.advance(&moved));
  EXPECT_TRUE(moved) << "it has posted";
  EXPECT_EQ(first.posted_bytes(), sizeof send);
  EXPECT_EQ(first.awaited_rank(), 1);
}

TEST(ShortRun, LongerCallsAreNone) {
  EXPECT_NE(short_plan_of(plan_for(3, 2, 0, 1024), sizeof(int32_t)), nullptr);
  EXPECT_EQ(short_plan_of(plan_for(3, 2, 0, 1025), sizeof(int32_t)), nullptr) << "more than a short slot holds";
  EXPECT_EQ(short_plan_of(plan_for(3, 2, 0, 1 << 20), sizeof(int32_t)), nullptr) << "several chunks";
  EXPECT_EQ(short_plan_of(plan_for(0, 2, 0, 2000), sizeof(int32_t)), nullptr) << "results are posted, too";
}

// Neighbours in input and post are copied together.
TEST(ShortRun, PostsInAsFewCopiesAsItCan) {
  EXPECT_EQ(short_plan_of(plan_for(2, 5, 2, 8), sizeof(int32_t))->posted.size(), 1u);
  EXPECT_LE(short_plan_of(plan_for(1, 5, 2, 16), sizeof(int32_t))->posted.size(), 2u) << "around its own shard";
}

}  // namespace

}  // namespace coll::test
