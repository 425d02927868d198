// coll_plan's predictions: what is taken, what it is made of, and what switches do to it.
#include <gtest/gtest.h>

#include "perf/plan/cluster.hpp"
#include "perf/plan/sheet.hpp"
#include "runtime/choice.hpp"

namespace coll::plan_tool {
namespace {

std::shared_ptr<const Codec> codec(std::string_view spec) {
  std::unique_ptr<Codec> made;
  EXPECT_TRUE(make_codec(spec, &made).ok());
  return made;
}

Question asked(collFunc_t func, const std::vector<std::string_view>& codecs, std::vector<size_t> sizes,
               std::string_view algorithms = "") {
  Question question;
  question.func = func;
  for (const std::string_view spec : codecs) question.codecs.push_back(codec(spec));
  question.sizes = std::move(sizes);
  EXPECT_TRUE(parse_algorithms(algorithms, &question.algorithms).ok());
  return question;
}

topo::Topology cluster(int nodes, int ranks, int nodes_per_switch = 0, double oversubscription = 1) {
  Description description;
  description.nodes = nodes;
  description.ranks_per_node = ranks;
  if (nodes_per_switch > 0) description.nodes_per_switch = nodes_per_switch;
  description.oversubscription = oversubscription;
  Cluster built;
  const Status status = build(description, &built);
  EXPECT_TRUE(status.ok()) << status.message();
  return built.topology;
}

std::vector<Line> predicted(const topo::Topology& topology, const Question& question) {
  std::vector<Line> lines;
  const Status status = predict_all(topology, question, &lines);
  EXPECT_TRUE(status.ok()) << status.message();
  return lines;
}

TEST(Sheet, WhatIsTakenIsTheCheapestAndWhatCommunicatorsTake) {
  constexpr collFunc_t kFuncs[] = {collFuncAllReduce, collFuncReduceScatter, collFuncAllGather, collFuncBroadcast,
                                   collFuncReduce,    collFuncAlltoAll,      collFuncGather,    collFuncScatter};
  for (const topo::Topology& topology : {cluster(1, 4), cluster(4, 2), cluster(5, 1, 2, 4), cluster(3, 3)}) {
    for (const collFunc_t func : kFuncs) {
      const Question question = asked(func,
                                      func > collFuncBroadcast ? std::vector<std::string_view>{"none"}
                                                               : std::vector<std::string_view>{"none", "int8", "auto"},
                                      {64, 64 << 10, 16 << 20});
      for (const Line& line : predicted(topology, question)) {
        for (size_t i = 0; i < line.entries.size(); ++i) {
          const Entry& entry = line.entries[i];
          Selection selection;
          const PlanQuery query = query_of(topology, question, line.size_bytes);
          ASSERT_TRUE(choose(topology, query, question.algorithms, question.codecs[i], &selection).ok());
          EXPECT_EQ(entry.choice().algorithm, selection.plan->algorithm);
          EXPECT_EQ(entry.choice().cost.us, selection.plan->predicted_us);
          EXPECT_EQ(entry.codec, selection.codec ? selection.codec->spec() : "none");
          for (const Option& option : entry.options) EXPECT_GE(option.cost.us, entry.choice().cost.us);
          EXPECT_GE(entry.choice().cost.us, line.entries[static_cast<size_t>(line.fastest)].choice().cost.us);
        }
      }
    }
  }
}

TEST(Sheet, PartsMakeTheTime) {
  const topo::Topology topology = cluster(8, 4, 4, 3);
  for (const Line& line : predicted(topology, asked(collFuncAllReduce, {"none", "int4"}, {1 << 10, 64 << 20}))) {
    for (const Entry& entry : line.entries) {
      for (const Option& option : entry.options) {
        const Cost& cost = option.cost;
        EXPECT_DOUBLE_EQ(cost.us, cost.first_us + (cost.chunks - 1) * cost.next_us);
        EXPECT_GE(cost.next_us, std::max({cost.core_us(), cost.link_us, cost.uplink_us}));
        double work_us = 0;
        for (const double kind_us : cost.by_kind) work_us += kind_us;
        EXPECT_NEAR(work_us, cost.work_us, 1e-9 * work_us);
        EXPECT_GT(cost.uplink_us, 0) << option.algorithm;
        EXPECT_FALSE(explain(cost).empty());
      }
    }
  }
}

// What crosses uplinks, added up over every rank: the sample of nodes has to come to the same.
TEST(Sheet, UplinksCarryWhatLeavesTheirSwitches) {
  const topo::Topology topology = cluster(16, 2, 4, 2);
  const Question question = asked(collFuncAllReduce, {"none"}, {8 << 20});
  for (const Line& line : predicted(topology, question)) {
    for (const Option& option : line.entries.front().options) {
      const auto registry = algorithm_registry();
      const auto algorithm = std::find_if(registry.begin(), registry.end(),
                                          [&](const Algorithm& one) { return one.name == option.algorithm; });
      PlanQuery query = query_of(topology, question, line.size_bytes);
      std::array<double, 4> up{};  // by switch
      for (query.rank = 0; query.rank < topology.nranks; ++query.rank) {
        const Load load = load_of(topology, query, algorithm->plan(topology, query));
        up[static_cast<size_t>(topology.node_of[static_cast<size_t>(query.rank)]) / 4] += load.up_out;
      }
      const double most_us = *std::max_element(up.begin(), up.end()) / topology.switches.uplink_gbs / 1000;
      const double predicted_us = option.cost.uplink_us * option.cost.chunks;
      const bool tree = option.algorithm.ends_with("tree");  // no two of its nodes are alike
      EXPECT_LE(predicted_us, most_us * (tree ? 2 : 1.001)) << option.algorithm;
      EXPECT_GE(predicted_us, most_us / (tree ? 2 : 1.001)) << option.algorithm;
    }
  }
}

TEST(Sheet, OversubscriptionChangesTheChoice) {
  const auto taken = [](double oversubscription) {
    const topo::Topology topology = cluster(16, 1, 4, oversubscription);
    const auto lines = predicted(topology, asked(collFuncAllReduce, {"none"}, {256 << 10}, "direct,ring"));
    return lines.front().entries.front().choice();
  };
  EXPECT_EQ(taken(1).algorithm, "direct");
  EXPECT_EQ(taken(16).algorithm, "ring") << "which crosses each uplink once";
  EXPECT_LT(taken(1).cost.us, taken(16).cost.us);
}

TEST(Sheet, HierarchicalPlansLoseLessByOversubscription) {
  const auto time_of = [](std::string_view algorithm, double oversubscription) {
    const topo::Topology topology = cluster(8, 4, 2, oversubscription);
    return predicted(topology, asked(collFuncAllReduce, {"none"}, {4 << 20}, algorithm))[0].entries[0].choice().cost.us;
  };
  for (const double more : {4.0, 16.0}) {
    const double direct_us = time_of("direct", more) - time_of("direct", 1);
    EXPECT_GT(direct_us, 3 * (time_of("hier_direct", more) - time_of("hier_direct", 1)));
  }
}

TEST(Sheet, SwitchesThatHoldAllNodesCostNothing) {
  const Question question = asked(collFuncAllReduce, {"none", "int8"}, {1 << 10, 1 << 20});
  const auto without = predicted(cluster(8, 2), question);
  for (const auto& topology : {cluster(8, 2, 8, 4), cluster(8, 2, 100, 4)}) {
    const auto with = predicted(topology, question);
    for (size_t i = 0; i < with.size(); ++i) {
      for (size_t j = 0; j < with[i].entries.size(); ++j) {
        EXPECT_EQ(with[i].entries[j].choice().cost.us, without[i].entries[j].choice().cost.us);
      }
    }
  }
}

TEST(Sheet, NothingServesIsSaid) {
  std::vector<Line> lines;
  const Status status = predict_all(cluster(2, 2), asked(collFuncAllReduce, {"int8"}, {64}, "ring"), &lines);
  EXPECT_EQ(status.code(), collUnsupported);
  EXPECT_NE(status.message().find("allreduce"), std::string::npos) << status.message();
}

TEST(Explain, SaysWhatTheNextChunkWaitsFor) {
  Cost cost;
  cost.chunks = 4;
  cost.latency_us = 50;
  cost.work_us = 5;
  cost.by_kind[static_cast<size_t>(Work::kEncode)] = 5;
  cost.link_us = cost.next_us = 20;
  cost.first_us = 75;
  const std::string words = explain(cost);
  for (const char* part : {"50.0 µs of latency", "encoding 20.0 µs", "link 80.0 µs", "4 chunks", "75.0 µs",
                           "waiting for the node's link"}) {
    EXPECT_NE(words.find(part), std::string::npos) << words;
  }
}

TEST(Explain, SaysWhatAGpuTakes) {
  Cost cost;
  cost.chunks = 2;
  cost.latency_us = 33;
  cost.device = {.steps_us = 30, .memory_us = 3, .nvlink_us = 8, .pcie_us = 7, .staging_us = 90};
  cost.next_us = 8;
  const std::string words = explain(cost);
  for (const char* part : {"33.0 µs of latency (30.0 µs of it the steps)", "the GPU's memory 6.00 µs", "NVLink 16.0 µs",
                           "PCIe 14.0 µs", "to the host and back 90.0 µs", "waiting for NVLink"}) {
    EXPECT_NE(words.find(part), std::string::npos) << words;
  }
  EXPECT_EQ(words.find("a core"), std::string::npos) << words;
}

}  // namespace
}  // namespace coll::plan_tool
