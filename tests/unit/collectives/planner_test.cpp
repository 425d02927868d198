// Names, choice, predictions, and how calls are cut into shards and pieces.
#include <gtest/gtest.h>

#include <chrono>

#include "tests/support/sanitized.hpp"
#include "tests/unit/collectives/shapes.hpp"

namespace coll {
namespace {

using shapes::coded;
using shapes::even;
using shapes::exact;

std::vector<const Algorithm*> allowed(std::string_view text = "") {
  std::vector<const Algorithm*> algorithms;
  EXPECT_TRUE(parse_algorithms(text, &algorithms).ok()) << text;
  return algorithms;
}

Plan chosen(const topo::Topology& topology, const PlanQuery& query, std::string_view algorithms = "") {
  Plan plan;
  const Status status = choose_plan(topology, query, allowed(algorithms), &plan);
  EXPECT_TRUE(status.ok()) << status.message();
  return plan;
}

TEST(ParseAlgorithms, IncludesAndExcludes) {
  EXPECT_EQ(allowed().size(), algorithm_registry().size());
  ASSERT_EQ(allowed("ring,direct").size(), 2u);
  EXPECT_EQ(allowed("ring,direct")[0]->name, "direct");  // in the registry's order: ties do not depend on the list
  EXPECT_EQ(allowed("^ring").size(), algorithm_registry().size() - 1);
  EXPECT_EQ(allowed("^ring,direct").size(), algorithm_registry().size() - 2);
}

TEST(ParseAlgorithms, ErrorsListTheValidNames) {
  std::vector<const Algorithm*> algorithms;
  for (const char* text : {"rnig", "ring,", ",ring", "^", "ring,^direct", " ring"}) {
    const Status status = parse_algorithms(text, &algorithms);
    EXPECT_EQ(status.code(), collInvalidArgument) << text;
    EXPECT_NE(status.message().find("hier_direct"), std::string::npos) << status.message();
  }
  std::string all = "^";
  for (const Algorithm& algorithm : algorithm_registry())
    all += std::string(all == "^" ? "" : ",") + std::string(algorithm.name);
  EXPECT_EQ(parse_algorithms(all, &algorithms).code(), collInvalidArgument);
}

TEST(ChoosePlan, UnsupportedNamesWhatWasAsked) {
  Plan plan;
  const Status status = choose_plan(even(2, 4), coded(collFuncAllReduce, 100), allowed("ring,doubling"), &plan);
  EXPECT_EQ(status.code(), collUnsupported);
  for (const char* part : {"allreduce", "float", "lossy codec", "8 ranks", "doubling, ring"}) {
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
  }
  for (const collFunc_t func : shapes::kFuncs) {
    const collResult_t code = choose_plan(even(1, 2), coded(func, 1), allowed(), &plan).code();
    EXPECT_EQ(code, shapes::can_be_coded(func) ? collSuccess : collUnsupported) << shapes::kFuncNames[func];
  }
}

TEST(ChoosePlan, RespectsTheCodecsEncodings) {
  PlanQuery query = coded(collFuncAllReduce, 1 << 22);
  query.codec.max_encodings = 1;
  EXPECT_EQ(chosen(even(1, 4), query).algorithm, "oneshot");
}

TEST(ChoosePlan, DeterministicMeansRankOrder) {
  for (const size_t count : {size_t{1}, size_t{1000}, size_t{1} << 24}) {
    PlanQuery queries[] = {exact(collFuncAllReduce, count), coded(collFuncAllReduce, count)};
    for (PlanQuery& query : queries) {
      query.deterministic = true;
      EXPECT_TRUE(chosen(even(4, 4), query).rank_order);
      if (query.codec.lossy) {
        EXPECT_EQ(chosen(even(4, 4), query).algorithm, "direct");
      }
    }
  }
}

TEST(ChoosePlan, CompressesBetweenNodesWhereLinksAreSlow) {
  topo::Topology topology = even(4, 2);
  topology.links[1] = {100, 0.125};  // 1 Gbit/s
  EXPECT_EQ(chosen(topology, coded(collFuncAllReduce, 4 << 20)).algorithm, "hier_direct");
  const std::string_view exact_choice = chosen(topology, exact(collFuncAllReduce, 4 << 20)).algorithm;
  EXPECT_TRUE(exact_choice == "hier_ring" || exact_choice == "hier_direct") << exact_choice;
}

TEST(ChoosePlan, FewHopsForSmallCalls) {
  PlanQuery one = exact(collFuncAllReduce, 1);
  EXPECT_EQ(chosen(even(1, 4), one).algorithm, "board");
  one.board_bytes = 0;
  EXPECT_EQ(chosen(even(1, 4), one).algorithm, "oneshot");
  EXPECT_EQ(chosen(even(1, 64), one).algorithm, "doubling");
  EXPECT_EQ(chosen(even(1, 8), exact(collFuncAllReduce, 1 << 22)).algorithm, "direct");
  EXPECT_EQ(chosen(even(1, 1), coded(collFuncAllReduce, 5)).encodings, 0);
}

TEST(ChoosePlan, AllRanksChooseAlike) {
  for (const topo::Topology& topology :
       {even(4, 2), shapes::blocks({5, 1, 3}), shapes::placed({0, 1, 2, 0, 1, 2, 0})}) {
    for (const collFunc_t func : shapes::kFuncs) {
      for (size_t count = 1; count < size_t{1} << 26; count = count * 5 + 1) {
        for (PlanQuery query : {exact(func, count), coded(func, count)}) {
          if (query.codec.lossy && !shapes::can_be_coded(func)) continue;
          query.root = 2;
          const Plan first = chosen(topology, query);
          for (query.rank = 1; query.rank < topology.nranks; ++query.rank) {
            const Plan plan = chosen(topology, query);
            ASSERT_EQ(plan.algorithm, first.algorithm);
            ASSERT_EQ(plan.predicted_us, first.predicted_us);
            ASSERT_EQ(plan.piece, first.piece);
            ASSERT_EQ(plan.chunks, first.chunks);
          }
        }
      }
    }
  }
}

TEST(Predict, GrowsWithSizeAndLatency) {
  topo::Topology slow = even(4, 2);
  slow.links[1] = {500, 0.1};
  for (const Algorithm& algorithm : algorithm_registry()) {
    for (const collFunc_t func : shapes::kFuncs) {
      double before = 0;
      for (size_t count = 64; count < size_t{1} << 26; count *= 16) {
        const PlanQuery query = exact(func, count);
        if (!algorithm.serves(even(4, 2), query)) continue;
        const double fast_us = predict_us(even(4, 2), query, algorithm.plan(even(4, 2), query));
        EXPECT_GT(fast_us, before) << algorithm.name;
        EXPECT_GT(predict_us(slow, query, algorithm.plan(slow, query)), fast_us) << algorithm.name;
        before = fast_us;
      }
    }
  }
}

// The wire limit of an allreduce over N nodes is 2·(N-1)/N·S/B; hierarchical plans come near it.
TEST(Predict, ComesNearTheWireLimit) {
  topo::Topology topology = even(4, 2);
  topology.links[1] = {100, 0.0625};
  const size_t count = 4 << 20;
  const double limit_us = 2 * 0.75 * static_cast<double>(count) * 4 / 62.5;
  for (const char* name : {"hier_ring", "hier_direct"}) {
    const PlanQuery query = exact(collFuncAllReduce, count);
    const double us = predict_us(topology, query, shapes::named(name).plan(topology, query));
    EXPECT_GT(us, limit_us) << name;
    EXPECT_LT(us, 1.35 * limit_us) << name;
  }
}

// All nodes on one machine with that many hardware threads.
topo::Topology on_one_machine(topo::Topology topology, int pus) {
  topology.machines = {topo::Machine{topology.nranks, pus, pus}};
  for (topo::Node& node : topology.nodes) {
    node.machine = 0;
    node.pus = std::min(node.pus, pus);
  }
  return topology;
}

TEST(Predict, NodesOfOneMachineShareItsCores) {
  topo::Topology apart = even(4, 2);
  apart.links[1] = {25, 1000};  // the cores are the limit
  for (const size_t count : {size_t{1} << 14, size_t{4} << 20}) {
    for (const PlanQuery& query : {exact(collFuncAllReduce, count), coded(collFuncAllReduce, count)}) {
      const Plan plan = shapes::named("hier_direct").plan(apart, query);
      const double us = predict_us(apart, query, plan);
      EXPECT_EQ(predict_us(on_one_machine(apart, 8), query, plan), us);
      EXPECT_EQ(predict_us(on_one_machine(apart, 16), query, plan), us);
      const double shared_us = predict_us(on_one_machine(apart, 2), query, plan);
      EXPECT_GT(shared_us, (count > 1 << 20 ? 3.9 : 2.5) * us) << "what is not latency";
      EXPECT_LT(shared_us, 4.01 * us);
    }
  }
}

// A codec that pays where every rank has a core of its own does not where they share what it needs most.
TEST(Predict, SharedCoresMakeCodecsDearer) {
  topo::Topology apart = even(4, 2);
  apart.links[1] = {25, 0.3};
  apart.rates.network_cpu_gbs = 10;
  const size_t count = 4 << 20;
  PlanQuery with_codec = coded(collFuncAllReduce, count);
  with_codec.codec.encode_gbs = with_codec.codec.decode_gbs = 1;
  const auto gain = [&](const topo::Topology& topology) {
    const double exact_us = chosen(topology, exact(collFuncAllReduce, count)).predicted_us;
    return exact_us / chosen(topology, with_codec).predicted_us;
  };
  EXPECT_GT(gain(apart), 1.5);
  EXPECT_LT(gain(on_one_machine(apart, 2)), 0.9);
}

// What was the fastest on a virtual cluster of 4 nodes with 2 ranks each on a machine with 2 cores, links of 10 Gbit/s.
TEST(ChoosePlan, AsMeasuredWhereNodesShareCores) {
  topo::Topology topology = on_one_machine(even(4, 2), 2);
  topology.links = {topo::LinkCost{5, 5}, topo::LinkCost{25, 1.196}};
  const auto exact_of = [&](size_t bytes) { return chosen(topology, exact(collFuncAllReduce, bytes / 4)); };
  const auto int8_gains = [&](size_t bytes) {
    return chosen(topology, coded(collFuncAllReduce, bytes / 4)).predicted_us < 0.9 * exact_of(bytes).predicted_us;
  };
  EXPECT_EQ(exact_of(4 << 10).algorithm, "doubling");
  EXPECT_EQ(exact_of(16 << 10).algorithm, "doubling");
  EXPECT_EQ(exact_of(1 << 20).algorithm, "hier_ring");
  EXPECT_EQ(exact_of(4 << 20).algorithm, "hier_ring");
  EXPECT_EQ(exact_of(16 << 20).algorithm, "hier_ring");
  for (const size_t bytes : {4 << 10, 16 << 10}) EXPECT_FALSE(int8_gains(bytes)) << bytes;
  for (const size_t bytes : {64 << 10, 1 << 20, 16 << 20}) EXPECT_TRUE(int8_gains(bytes)) << bytes;
}

TEST(Cut, ShardsBeginAtBlocksAndCacheLines) {
  PlanQuery query = exact(collFuncAllReduce, 1001);
  query.codec.block = 96;
  query.type = collBfloat16;
  const Plan plan = shapes::named("direct").plan(even(1, 3), query);
  for (const Shard& shard : plan.shards) EXPECT_EQ(shard.offset % 96, 0u);
  EXPECT_EQ(plan.shards.back().offset + plan.shards.back().count, 1001u);
}

TEST(Cut, PiecesFitTheBuffer) {
  for (const Algorithm& algorithm : algorithm_registry()) {
    PlanQuery query = exact(collFuncAllReduce, size_t{1} << 28);
    query.buffer_bytes = 1 << 20;
    if (!algorithm.serves(even(2, 4), query)) continue;
    const Plan plan = algorithm.plan(even(2, 4), query);
    const size_t chunk_bytes = plan.piece * plan.shards.size() * 4;
    EXPECT_LE(chunk_bytes * static_cast<size_t>(query.chunks_in_flight), query.buffer_bytes) << algorithm.name;
  }
}

TEST(Cut, ChunkBytesOverrides) {
  PlanQuery query = exact(collFuncAllReduce, 1 << 20);
  query.chunk_bytes = 64 << 10;
  const Plan plan = shapes::named("direct").plan(even(1, 4), query);
  EXPECT_EQ(plan.piece * 4 * 4, query.chunk_bytes);
  EXPECT_EQ(plan.chunks, 64u);
  query.chunk_bytes = 1;
  EXPECT_EQ(shapes::named("direct").plan(even(1, 4), query).piece, 16u);
}

TEST(Cut, LongCallsArePipelinedAndShortOnesAreNot) {
  EXPECT_EQ(shapes::named("direct").plan(even(1, 4), exact(collFuncAllReduce, 1000)).chunks, 1u);
  EXPECT_GE(shapes::named("direct").plan(even(1, 4), exact(collFuncAllReduce, 1 << 20)).chunks, 8u);
}

// A plan's size does not grow with the message, its lists no faster than the number of ranks, and its steps no faster
// than the logarithm of that.
TEST(Cut, PlansStaySmall) {
  for (const Algorithm& algorithm : algorithm_registry()) {
    for (const collFunc_t func : shapes::kFuncs) {
      const PlanQuery query = exact(func, size_t{1} << 30);
      const topo::Topology topology = shapes::divided(even(16, 16), 2, 2);
      if (!algorithm.serves(topology, query)) continue;
      const Plan plan = algorithm.plan(topology, query);
      size_t entries = 0;
      for (const RankList& list : plan.lists) entries += list->size();
      EXPECT_LE(plan.steps.size(), 4u * 8 + 2) << algorithm.name;
      EXPECT_LE(entries, 5u * 256) << algorithm.name;
    }
  }
}

constexpr double kMostPlanningUs = test::kSanitized ? 1000 : 50;

TEST(Cut, PlanningIsFast) {
  const topo::Topology topology = shapes::divided(even(8, 8), 2, 2);
  for (const Algorithm& algorithm : algorithm_registry()) {
    const auto* func = std::find_if(std::begin(shapes::kFuncs), std::end(shapes::kFuncs),
                                    [&](collFunc_t each) { return algorithm.serves(topology, exact(each, 1)); });
    const bool serves = func != std::end(shapes::kFuncs);  // all but board, which is for one node
    const PlanQuery query = exact(serves ? *func : collFuncAllReduce, 1 << 22);
    double best_us = 1e9;
    for (int trial = 0; trial < 200; ++trial) {
      const auto begin = std::chrono::steady_clock::now();
      const Plan plan = algorithm.plan(topology, query);
      const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
      best_us = std::min(best_us, took.count());
      ASSERT_FALSE(plan.steps.empty());
    }
    EXPECT_LT(best_us, kMostPlanningUs) << algorithm.name;
    RecordProperty(std::string(algorithm.name), std::to_string(best_us));
  }
}

}  // namespace
}  // namespace coll
