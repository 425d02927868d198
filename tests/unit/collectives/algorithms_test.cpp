// What single algorithms promise beyond a right result: how much a rank sends, in how many messages and hops.
#include <gtest/gtest.h>

#include "tests/unit/collectives/shapes.hpp"

namespace coll {
namespace {

using shapes::even;
using shapes::exact;

struct Traffic {
  size_t messages = 0;
  size_t elements = 0;
};

// What one rank hands to others in a call.
Traffic sent(const Plan& plan) {
  Traffic traffic;
  for (const Step& step : plan.steps) {
    for (int round = 0; round < step.rounds; ++round) {
      for (int j = 0; j < step.to.count; ++j) {
        if (plan.entry(step.to, round, j) == plan.rank) continue;
        ++traffic.messages;
        for (int i = 0; i < step.shard.count; ++i) traffic.elements += plan.shard_at(step, round, i).count;
      }
    }
  }
  return traffic;
}

// Hops from a rank up to the root with the sums of a half of the elements.
int way_up(const std::vector<Plan>& plans, int rank, int half) {
  for (const Step& step : plans[static_cast<size_t>(rank)].steps) {
    if (step.to_wire != Wire::kPartial || plans[0].entry(step.shard, 0, 0) != half) continue;
    return 1 + way_up(plans, plans[static_cast<size_t>(rank)].entry(step.to, 0, 0), half);
  }
  return 0;
}

TEST(DoubleTree, InnerRanksOfOneTreeAreLeavesOfTheOther) {
  for (int ranks = 3; ranks <= 130; ++ranks) {
    const topo::Topology topology = even(1, ranks);
    const size_t count = 1 << 20;
    const auto plans = shapes::plans_of_all(shapes::named("double_tree"), topology, exact(collFuncAllReduce, count));
    int deepest = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      const Plan& plan = plans[static_cast<size_t>(rank)];
      int inner = 0;
      for (const Step& step : plan.steps) inner += step.reduce;
      if (rank > 0) {
        ASSERT_LE(inner, 1) << ranks << " ranks, rank " << rank;
      }
      ASSERT_LE(sent(plan).elements, 2 * count) << ranks << " ranks, rank " << rank;
      for (const int half : {0, 1}) deepest = std::max(deepest, way_up(plans, rank, half));
    }
    ASSERT_EQ(plans[0].hops.total(), 2 * deepest) << ranks;
    ASSERT_EQ(plans[0].hops.relays, deepest) << ranks;
  }
}

TEST(DoubleTree, IsTakenForLongReducesOnManyNodes) {
  std::vector<const Algorithm*> all;
  ASSERT_TRUE(parse_algorithms("", &all).ok());
  Plan plan;
  ASSERT_TRUE(choose_plan(even(32, 1), exact(collFuncReduce, 4 << 20), all, &plan).ok());
  EXPECT_EQ(plan.algorithm, "double_tree");
  ASSERT_TRUE(choose_plan(even(32, 1), exact(collFuncReduce, 16), all, &plan).ok());
  EXPECT_NE(plan.algorithm, "double_tree");
}

// As few messages as there are bits in n-1, and no more bytes than shards of others, whatever the number of ranks.
TEST(Halving, FewMessagesAndNoMoreBytesForAnyNumberOfRanks) {
  for (int ranks = 2; ranks <= 130; ++ranks) {
    const topo::Topology topology = even(1, ranks);
    const auto n = static_cast<size_t>(ranks);
    size_t exchanges = 0;
    while (size_t{1} << exchanges < n) ++exchanges;
    for (const collFunc_t func : {collFuncAllReduce, collFuncReduceScatter, collFuncAllGather}) {
      const PlanQuery query = exact(func, func == collFuncAllReduce ? 64 * n : 64);
      const size_t halves = func == collFuncAllReduce ? 2 : 1;
      for (const Plan& plan : shapes::plans_of_all(shapes::named("halving"), topology, query)) {
        ASSERT_EQ(sent(plan).messages, halves * exchanges) << ranks << " ranks";
        ASSERT_EQ(sent(plan).elements, halves * (n - 1) * 64) << ranks << " ranks";
        ASSERT_EQ(static_cast<size_t>(plan.hops.total()), halves * exchanges);
      }
    }
  }
}

// With 2^k ranks on every node, each node sends and receives no more than it must: what a ring of nodes would.
TEST(Halving, LongExchangesStayInsideNodes) {
  const topo::Topology topology = even(4, 8);
  size_t out_of_node = 0;
  for (const Plan& plan : shapes::plans_of_all(shapes::named("halving"), topology, exact(collFuncReduceScatter, 64))) {
    if (topology.node_of[static_cast<size_t>(plan.rank)] != 0) continue;
    for (const Step& step : plan.steps) {
      for (int j = 0; j < step.to.count; ++j) {
        if (topology.link_between(plan.rank, plan.entry(step.to, 0, j)) == topo::LinkKind::kNetwork)
          out_of_node += plan.elements_of(step, 0);
      }
    }
  }
  EXPECT_EQ(out_of_node, 3u * 8 * 64);
}

TEST(Halving, IsTakenBetweenTheShortAndTheLong) {
  std::vector<const Algorithm*> all;
  ASSERT_TRUE(parse_algorithms("", &all).ok());
  const auto chosen = [&](const topo::Topology& topology, const PlanQuery& query) {
    Plan plan;
    EXPECT_TRUE(choose_plan(topology, query, all, &plan).ok());
    return plan.algorithm;
  };
  EXPECT_EQ(chosen(even(128, 8), exact(collFuncAllReduce, 2)), "doubling");
  EXPECT_EQ(chosen(even(128, 8), exact(collFuncAllReduce, 64 << 10)), "halving");
  EXPECT_EQ(chosen(even(128, 8), exact(collFuncAllGather, 16)), "halving");
  EXPECT_EQ(chosen(even(32, 8), exact(collFuncAllReduce, 64 << 20)), "hier_ring");
}

}  // namespace
}  // namespace coll
