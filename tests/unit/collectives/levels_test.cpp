// The levels of a machine, and what hierarchical plans send over the links between its parts.
#include <gtest/gtest.h>

#include <set>

#include "collectives/levels.hpp"
#include "tests/unit/collectives/shapes.hpp"

namespace coll {
namespace {

using shapes::blocks;
using shapes::divided;
using shapes::even;
using shapes::exact;

TEST(Levels, AreThoseThatPutOtherRanksTogether) {
  const auto top = [](const topo::Topology& topology) { return Levels(topology, Grouping::kAll).top(); };
  EXPECT_EQ(top(even(1, 1)), 0);
  EXPECT_EQ(top(even(1, 8)), 1) << "the node alone";
  EXPECT_EQ(top(even(4, 1)), 1) << "nodes of one rank are no level";
  EXPECT_EQ(top(even(4, 8)), 2);
  EXPECT_EQ(top(divided(even(1, 8), 2, 1)), 2);
  EXPECT_EQ(top(divided(even(1, 8), 2, 2)), 3);
  EXPECT_EQ(top(divided(even(4, 8), 2, 2)), 4);
  EXPECT_EQ(top(divided(even(4, 8), 2, 4)), 3) << "NUMA nodes of one rank are no level";
  EXPECT_EQ(top(divided(even(4, 8), 1, 1)), 2);
  EXPECT_EQ(Levels(divided(even(4, 8), 2, 2), Grouping::kNodes).top(), 2);
  EXPECT_EQ(Levels(divided(even(4, 8), 2, 2), Grouping::kAll).in_node(), 3);
  EXPECT_EQ(Levels(divided(even(1, 8), 2, 2), Grouping::kAll).in_node(), 3);
  EXPECT_EQ(Levels(even(4, 1), Grouping::kAll).in_node(), 0);
}

TEST(Levels, SwitchesAreOne) {
  topo::Topology topology = divided(even(8, 8), 2, 2);
  topology.switches = {4, 1};
  EXPECT_EQ(Levels(topology, Grouping::kAll).top(), 5);
  EXPECT_EQ(Levels(topology, Grouping::kAll).in_node(), 3);
  EXPECT_EQ(Levels(topology, Grouping::kInNodes).top(), 4);
  topology.switches = {8, 1};
  EXPECT_EQ(Levels(topology, Grouping::kAll).top(), 4) << "one switch for all is no level";
  topology = even(6, 1);
  topology.switches = {2, 1};
  EXPECT_EQ(Levels(topology, Grouping::kAll).top(), 2);
  EXPECT_EQ(Levels(topology, Grouping::kAll).in_node(), 0);
}

// The ranks of a group, found by way of its members.
std::set<int> ranks_in(const Levels& levels, int level, int group) {
  if (level == 0) return {group};
  std::set<int> all;
  for (const int member : levels.members(level, group)) all.merge(ranks_in(levels, level - 1, member));
  return all;
}

TEST(Levels, EveryGroupHasOneCarrierWhichCarriesForAPartOfIt) {
  for (const topo::Topology& topology :
       {divided(even(3, 8), 2, 2), divided(blocks({5, 3, 1, 7}), 2, 2), divided(even(1, 12), 3, 2), even(2, 3)}) {
    const Levels levels(topology, Grouping::kAll);
    for (int shard = 0; shard < topology.nranks; ++shard) {
      for (int rank = 0; rank < topology.nranks; ++rank) {
        const int height = levels.height(rank, shard);
        EXPECT_EQ(height == levels.top(), rank == shard);
        for (int level = 1; level <= levels.top(); ++level) {
          const int group = levels.group_of(level, rank);
          const int carrier = levels.carrier(level, group, shard);
          EXPECT_EQ(ranks_in(levels, level, group).count(carrier), 1u);
          EXPECT_EQ(carrier == rank, height >= level);
          EXPECT_TRUE(levels.group_of(level, shard) != group || carrier == shard);
        }
      }
    }
  }
}

TEST(Levels, EvenGroupsCarryEquallyMuch) {
  const topo::Topology topology = divided(even(4, 8), 2, 2);
  const Levels levels(topology, Grouping::kAll);
  for (int rank = 0; rank < topology.nranks; ++rank) {
    std::vector<int> carried(static_cast<size_t>(levels.top()) + 1, 0);
    for (int shard = 0; shard < topology.nranks; ++shard) ++carried[static_cast<size_t>(levels.height(rank, shard))];
    EXPECT_EQ(carried, (std::vector<int>{16, 8, 4, 3, 1})) << rank;
  }
}

// Elements that ranks read from others with such a link between.
size_t read_over(topo::LinkKind kind, const char* algorithm, const topo::Topology& topology, const PlanQuery& query) {
  size_t elements = 0;
  for (const Plan& plan : shapes::plans_of_all(shapes::named(algorithm), topology, query)) {
    for (const Step& step : plan.steps) {
      for (int round = 0; round < step.rounds; ++round) {
        for (int j = 0; j < step.from.count; ++j) {
          const int peer = plan.entry(step.from, round, j);
          if (peer != plan.rank && topology.link_between(plan.rank, peer) == kind) {
            elements += plan.elements_of(step, round);
          }
        }
      }
    }
  }
  return elements;
}

TEST(HierLevels, OneSumAndOneResultOfAShardLeaveAPart) {
  constexpr size_t kCount = 64 * 100;
  const topo::Topology topology = divided(even(1, 16), 2, 2);
  const PlanQuery query = exact(collFuncAllReduce, kCount);
  EXPECT_EQ(read_over(topo::LinkKind::kPackage, "hier_levels", topology, query), 2 * kCount);
  EXPECT_EQ(read_over(topo::LinkKind::kNuma, "hier_levels", topology, query), 2 * 2 * kCount);
  EXPECT_EQ(read_over(topo::LinkKind::kPackage, "direct", topology, query), 2 * 8 * kCount);
  const topo::Topology two_nodes = divided(even(2, 16), 2, 2);
  for (const char* algorithm : {"hier_levels", "hier_direct"}) {
    EXPECT_EQ(read_over(topo::LinkKind::kNetwork, algorithm, two_nodes, query), 2 * kCount) << algorithm;
  }
}

TEST(HierLevels, IsTakenWhereALinkInsideTheNodeIsTheLimit) {
  std::vector<const Algorithm*> all;
  ASSERT_TRUE(parse_algorithms("", &all).ok());
  const auto chosen = [&](const topo::Topology& topology, size_t count) {
    Plan plan;
    EXPECT_TRUE(choose_plan(topology, exact(collFuncAllReduce, count), all, &plan).ok());
    return plan.algorithm;
  };
  EXPECT_EQ(chosen(divided(even(1, 64), 2, 1), 16 << 20), "hier_levels");
  EXPECT_NE(chosen(divided(even(1, 64), 2, 1), 16), "hier_levels") << "more hops than a short call is worth";
  EXPECT_EQ(chosen(divided(even(1, 16), 2, 1), 16 << 20), "direct") << "the package's link keeps up";
  topo::Topology slow = divided(even(1, 16), 2, 1);
  slow.links[static_cast<size_t>(topo::LinkKind::kPackage)].bandwidth_gbs = 10;
  EXPECT_EQ(chosen(slow, 16 << 20), "hier_levels");
}

}  // namespace
}  // namespace coll
