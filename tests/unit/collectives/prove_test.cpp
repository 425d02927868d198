// Proves every registered algorithm for every function, exact and coded, on many shapes of machine.
#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "tests/support/sanitized.hpp"
#include "tests/unit/collectives/shapes.hpp"

namespace coll {
namespace {

using shapes::coded;
using shapes::exact;

// Under a sanitizer the large shapes take minutes, and the smaller ones run the same code.
constexpr int kMostRanks = test::kSanitized ? 24 : 64;
constexpr int kMostSplitRanks = test::kSanitized ? 7 : 10;
constexpr int kTrials = test::kSanitized ? 20 : 60;

// Codecs must be applied wherever data leaves a node, or leaves a rank where there is one node.
std::string uncoded_message(const topo::Topology& topology, const Plan& plan) {
  const bool one_node = topology.nodes.size() == 1;
  for (const Step& step : plan.steps) {
    for (int round = 0; round < step.rounds; ++round) {
      for (int j = 0; j < step.to.count; ++j) {
        const int peer = plan.entry(step.to, round, j);
        const bool leaves = topology.link_between(plan.rank, peer) == topo::LinkKind::kNetwork || one_node;
        if (peer != plan.rank && leaves && step.to_wire != Wire::kCoded) return text("uncoded to rank ", peer);
      }
    }
  }
  return {};
}

void prove(const topo::Topology& topology, const PlanQuery& query) {
  for (const Algorithm& algorithm : algorithm_registry()) {
    if (!algorithm.serves(topology, query)) continue;
    const std::vector<Plan> plans = shapes::plans_of_all(algorithm, topology, query);
    if (query.deterministic && !plans[0].rank_order) continue;  // choose_plan() passes it over
    ASSERT_EQ(check_plans(plans, query), "") << shapes::describe(algorithm, topology, query);
    if (!query.codec.lossy) continue;
    for (const Plan& plan : plans) {
      ASSERT_EQ(uncoded_message(topology, plan), "") << shapes::describe(algorithm, topology, query);
    }
  }
}

void prove_all(const topo::Topology& topology, size_t count, std::vector<int> roots) {
  for (const collFunc_t func : shapes::kFuncs) {
    PlanQuery queries[] = {exact(func, count), coded(func, count)};
    for (PlanQuery& query : queries) {
      if (!has_root(func)) {
        prove(topology, query);
        continue;
      }
      for (const int root : roots) {
        query.root = root;
        prove(topology, query);
      }
    }
  }
}

void prove_all(const topo::Topology& topology, size_t count) {
  prove_all(topology, count, {0, topology.nranks / 2, topology.nranks - 1});
}

std::vector<int> every_root(const topo::Topology& topology) {
  std::vector<int> roots(static_cast<size_t>(topology.nranks));
  std::iota(roots.begin(), roots.end(), 0);
  return roots;
}

// All the ways to split `ranks` into nodes, larger nodes first.
void partitions(int ranks, int most, std::vector<int>* nodes, std::vector<std::vector<int>>* all) {
  if (ranks == 0) all->push_back(*nodes);
  for (int size = std::min(ranks, most); size >= 1; --size) {
    nodes->push_back(size);
    partitions(ranks - size, size, nodes, all);
    nodes->pop_back();
  }
}

TEST(Prove, EveryEvenShapeOfUpTo64Ranks) {
  for (int nodes = 1; nodes <= kMostRanks; ++nodes) {
    for (int ranks = 1; nodes * ranks <= kMostRanks; ++ranks) {
      prove_all(shapes::even(nodes, ranks), 100000);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(Prove, EveryPartitionOfUpToTenRanksWithEveryRoot) {
  std::mt19937 random(1);
  for (int ranks = 1; ranks <= kMostSplitRanks; ++ranks) {
    std::vector<std::vector<int>> all;
    std::vector<int> scratch;
    partitions(ranks, ranks, &scratch, &all);
    for (std::vector<int> nodes : all) {
      std::shuffle(nodes.begin(), nodes.end(), random);
      const topo::Topology topology = shapes::blocks(nodes);
      prove_all(topology, 5000, every_root(topology));
      if (HasFatalFailure()) return;
    }
  }
}

TEST(Prove, RoundRobinAndRandomPlacements) {
  std::mt19937 random(2);
  for (int trial = 0; trial < kTrials; ++trial) {
    const int ranks = trial < 50 ? 2 + static_cast<int>(random() % 30) : 33 + static_cast<int>(random() % 32);
    const int nodes = 1 + static_cast<int>(random() % 9);
    std::vector<int> node_of;
    for (int rank = 0; rank < ranks; ++rank) {
      node_of.push_back(trial % 3 == 0 ? rank % nodes : static_cast<int>(random() % static_cast<unsigned>(nodes)));
    }
    prove_all(shapes::placed(node_of), 1 + random() % 100000);
    if (HasFatalFailure()) return;
  }
}

TEST(Prove, LevelsInsideNodes) {
  for (const auto& nodes : {std::vector<int>{2}, {3}, {8}, {12}, {4, 4}, {5, 3}, {8, 8, 8}, {1, 7, 4}, {16, 16}}) {
    for (const auto& [packages, domains] : {std::pair{2, 1}, {1, 2}, {2, 2}, {3, 2}, {2, 4}}) {
      prove_all(shapes::divided(shapes::blocks(nodes), packages, domains), 5000);
      if (HasFatalFailure()) return;
    }
  }
}

// Ranks of which nobody knows where they are, parts with one rank, and parts whose ranks are not next to one another.
TEST(Prove, RandomPlacesInsideNodes) {
  std::mt19937 random(3);
  const auto below = [&](int limit) { return static_cast<int>(random() % static_cast<unsigned>(limit)); };
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<int> node_of(static_cast<size_t>(2 + below(22)));
    for (int& node : node_of) node = below(1 + trial % 4);
    topo::Topology topology = shapes::divided(shapes::placed(node_of), 1, 1);
    for (topo::Spot& spot : topology.spots) {
      spot.package = below(4) - 1;
      spot.domain = spot.package < 0 ? -1 : 3 * spot.package + below(3);
    }
    prove_all(topology, 1 + random() % 100000);
    if (HasFatalFailure()) return;
  }
}

TEST(Prove, LevelsAboveNodes) {
  for (const auto& nodes : {std::vector<int>{1, 1, 1, 1}, {2, 2, 2, 2, 2}, {3, 1, 4, 1, 5, 9}, {4, 4, 4, 4, 4, 4, 4}}) {
    for (const int below : {1, 2, 3, 4, 9}) {
      topo::Topology topology = shapes::blocks(nodes);
      topology.switches = {below, 1};
      prove_all(topology, 5000);
      prove_all(shapes::divided(topology, 2, 1), 5000);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(Prove, OddCountsWithEmptyShardsAndManyChunks) {
  for (const auto& nodes : {std::vector<int>{1}, {2}, {3}, {2, 2}, {3, 1}, {1, 4, 2}, {2, 2, 2, 2}}) {
    const topo::Topology topology = shapes::divided(shapes::blocks(nodes), 2, 1);
    const auto n = static_cast<size_t>(topology.nranks);
    for (const size_t count : {size_t{0}, size_t{1}, n - 1, n, n + 1, size_t{127}, size_t{257}, size_t{1048579}}) {
      prove_all(topology, count);
      if (HasFatalFailure()) return;
    }
  }
}

// Uneven nodes of up to 16 ranks.
topo::Topology random_blocks(int ranks, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<int> nodes;
  for (int left = ranks; left > 0; left -= nodes.back()) {
    nodes.push_back(std::min(left, 1 + static_cast<int>(random() % 16)));
  }
  return shapes::blocks(nodes);
}

// Calls of a few shards, so that what n ranks exchange of each shows up, but not n times that.
TEST(Prove, SampleOfShapesUpTo1024Ranks) {
  for (const topo::Topology& topology :
       {shapes::even(1, 1000), shapes::even(1024, 1), shapes::even(128, 8), shapes::even(2, 511), shapes::even(85, 12),
        random_blocks(777, 3), shapes::even(1, 513)}) {
    if (test::kSanitized && topology.nranks > 513) continue;
    const int root = topology.nranks * 5 / 7;
    for (const collFunc_t func : {collFuncAllReduce, collFuncReduce, collFuncBroadcast}) {
      for (PlanQuery query : {exact(func, 7 * 16), coded(func, 7 * 128)}) {
        query.root = root;
        prove(topology, query);
        if (HasFatalFailure()) return;
      }
    }
    for (const collFunc_t func : {collFuncGather, collFuncScatter}) {
      PlanQuery query = exact(func, 5);
      query.root = root;
      prove(topology, query);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(Prove, SampleOfShapesWithBlocksOfEveryRank) {
  for (const topo::Topology& topology : {shapes::even(1, 131), shapes::even(24, 8), random_blocks(150, 4)}) {
    for (const collFunc_t func : {collFuncAllReduce, collFuncReduceScatter, collFuncAllGather, collFuncAlltoAll}) {
      prove(topology, exact(func, func == collFuncAllReduce ? size_t{1} << 20 : 100));
      if (HasFatalFailure()) return;
    }
  }
}

TEST(Prove, PairsOfEveryTwoRanks) {
  for (const auto& nodes : {std::vector<int>{1}, {2}, {3}, {2, 2}, {1, 4, 2}}) {
    const topo::Topology topology = shapes::blocks(nodes);
    for (const size_t count : {size_t{0}, size_t{1}, size_t{257}, size_t{1048579}}) {
      PlanQuery query = exact(collFuncSendRecv, count);
      for (query.root = 0; query.root < topology.nranks; ++query.root) {
        for (query.peer = 0; query.peer < topology.nranks; ++query.peer) prove(topology, query);
      }
    }
  }
}

TEST(Prove, DeterministicPlansReduceInRankOrder) {
  for (const auto& nodes : {std::vector<int>{1}, {2}, {5}, {2, 2}, {3, 1}, {1, 4, 2}, {8, 8}}) {
    for (const collFunc_t func : shapes::kFuncs) {
      PlanQuery queries[] = {exact(func, 4099), coded(func, 4099)};
      for (PlanQuery& query : queries) {
        query.deterministic = true;
        prove(shapes::blocks(nodes), query);
        if (HasFatalFailure()) return;
      }
    }
  }
}

}  // namespace
}  // namespace coll
