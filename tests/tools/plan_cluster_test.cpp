// How a cluster is described to coll_plan, and who sends to whom in the plans that it draws.
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "perf/plan/cluster.hpp"
#include "perf/plan/journey.hpp"
#include "tests/support/directory.hpp"
#include "topology/links.hpp"

namespace coll::plan_tool {
namespace {

class ClusterFile : public testing::Test {
 protected:
  std::string file(const std::string& content) const {
    const std::string path = folder_.path() / "cluster.json";
    std::ofstream(path) << content;
    return path;
  }
  void expect_refused(const std::string& content, const std::string& words) const {
    Description description;
    const std::string path = file(content);
    const Status status = read_cluster_file(path, &description);
    EXPECT_EQ(status.code(), collInvalidArgument) << content;
    EXPECT_TRUE(status.message().starts_with(path)) << status.message();
    EXPECT_NE(status.message().find(words), std::string::npos) << status.message();
  }

  test::Directory folder_;
};

TEST_F(ClusterFile, GivesEveryKey) {
  Description d;
  const Status status = read_cluster_file(
      file(R"({"nodes": 64, "ranks_per_node": 4, "machine": "laptop", "tuning": "tuned.json", "nics": 2, "gbits": 100,
               "latency_us": 2.5, "nodes_per_switch": 16, "oversubscription": 3, "one_machine": false, "memory": "device",
               "ranks_per_gpu": 2})"),
      &d);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(d.nodes, 64);
  EXPECT_EQ(d.ranks_per_node, 4);
  EXPECT_EQ(d.machine, "laptop");
  EXPECT_EQ(d.tuning, (folder_.path() / "tuned.json").string()) << "files lie beside the description";
  EXPECT_EQ(d.nics, 2);
  EXPECT_EQ(d.gbits, 100);
  EXPECT_EQ(d.latency_us, 2.5);
  EXPECT_EQ(d.nodes_per_switch, 16);
  EXPECT_EQ(d.oversubscription, 3);
  EXPECT_EQ(d.one_machine, false);
  EXPECT_EQ(d.memory, "device");
  EXPECT_EQ(d.ranks_per_gpu, 2);
}

TEST_F(ClusterFile, RefusesWhatItDoesNotKnow) {
  expect_refused("nodes: 4", "is no JSON");
  expect_refused("", "is no JSON");
  expect_refused("[4, 2]", "must be one object");
  expect_refused(R"({"node": 4})", "there is no key \"node\"; there are nodes, ranks_per_node");
  expect_refused(R"({"nodes": "4"})", "\"nodes\" takes a whole number, not \"4\"");
  expect_refused(R"({"nodes": 4.5})", "\"nodes\" takes a whole number, not 4.5");
  expect_refused(R"({"nodes": 99999999999})", "\"nodes\" takes a whole number");
  expect_refused(R"({"gbits": true})", "\"gbits\" takes a number, not true");
  expect_refused(R"({"one_machine": 1})", "\"one_machine\" takes true or false, not 1");
  expect_refused(R"({"machine": null})", "\"machine\" takes a text, not null");
  Description description;
  EXPECT_NE(read_cluster_file("/no/such.json", &description).message().find("/no/such.json: cannot be opened"),
            std::string::npos);
}

TEST(Describe, FlagsWinOverTheFile) {
  Description file;
  file.nodes = 64;
  file.gbits = 100;
  Description flags;
  flags.nodes = 8;
  const Description both = merge(flags, file);
  EXPECT_EQ(both.nodes, 8);
  EXPECT_EQ(both.gbits, 100);
  EXPECT_FALSE(both.nics.has_value());
}

TEST(Describe, NetworkAndSwitches) {
  Description d;
  d.nodes = 8;
  d.ranks_per_node = 2;
  d.nics = 4;
  d.gbits = 100;
  d.latency_us = 3;
  d.nodes_per_switch = 4;
  d.oversubscription = 2;
  Cluster cluster;
  ASSERT_TRUE(build(d, &cluster).ok());
  const topo::LinkCost& net = cluster.topology.cost(topo::LinkKind::kNetwork);
  EXPECT_EQ(net.latency_us, 3);
  EXPECT_DOUBLE_EQ(net.bandwidth_gbs, 2 * topo::payload_gbs(100)) << "two ranks use two devices";
  EXPECT_EQ(cluster.topology.switches.nodes, 4);
  EXPECT_DOUBLE_EQ(cluster.topology.switches.uplink_gbs, 4 * net.bandwidth_gbs / 2);
  EXPECT_NE(cluster.words.find("8 nodes x 2 ranks"), std::string::npos) << cluster.words;
}

TEST(Describe, OneMachineSharesItsCores) {
  Description d;
  d.nodes = 4;
  d.ranks_per_node = 2;
  d.one_machine = true;
  Cluster cluster;
  ASSERT_TRUE(build(d, &cluster).ok());
  ASSERT_EQ(cluster.topology.machines.size(), 1u);
  EXPECT_EQ(cluster.topology.machines[0].ranks, 8);
  EXPECT_EQ(cluster.topology.machines[0].pus, 2);
}

TEST(Describe, RanksAreOnGpusInTurn) {
  Description d;
  d.nodes = 2;
  d.ranks_per_node = 12;
  d.machine = COLL_TOPOLOGIES "/server_8_gpus.xml";
  Cluster host;
  ASSERT_TRUE(build(d, &host).ok());
  EXPECT_FALSE(host.topology.on_devices());
  d.memory = "device";
  Cluster cluster;
  ASSERT_TRUE(build(d, &cluster).ok());
  const std::vector<int> of_node = {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5};
  std::vector<int> all = of_node;
  all.insert(all.end(), of_node.begin(), of_node.end());
  EXPECT_EQ(cluster.topology.gpu_of, all);
  EXPECT_NE(cluster.words.find("12 ranks on 6 GPUs of a node"), std::string::npos) << cluster.words;
  d.ranks_per_gpu = 1;
  ASSERT_TRUE(build(d, &cluster).ok());
  EXPECT_EQ(cluster.topology.gpu_of[7], 7);
  EXPECT_EQ(cluster.topology.gpu_of[8], 0);
}

TEST(Describe, WhatCannotBeIsRefused) {
  const auto refused = [](void (*spoil)(Description*), const std::string& words) {
    Description d;
    spoil(&d);
    Cluster cluster;
    const Status status = build(d, &cluster);
    EXPECT_EQ(status.code(), collInvalidArgument) << words;
    EXPECT_NE(status.message().find(words), std::string::npos) << status.message();
  };
  refused([](Description* d) { d->nodes = 0; }, "nodes: 0 is not from 1");
  refused([](Description* d) { d->ranks_per_node = 5000; }, "ranks per node: 5000");
  refused([](Description* d) { d->nodes = d->ranks_per_node = 1024 + 1; }, "ranks per node");
  refused([](Description* d) { d->nodes = 1 << 20; }, "more than 1048576");
  refused([](Description* d) { d->gbits = -1; }, "gbits: -1");
  refused([](Description* d) { d->oversubscription = 4; }, "nodes per switch");
  refused([](Description* d) { d->memory = "gpu"; }, "memory \"gpu\": it is host or device");
  refused([](Description* d) { d->memory = "device"; }, "a node of machine \"cores\" has no GPUs");
  refused([](Description* d) { d->ranks_per_gpu = 2; }, "ranks per GPU are those of memory device");
  refused(
      [](Description* d) {
        d->memory = "device";
        d->ranks_per_gpu = 0;
      },
      "ranks per GPU: 0");
  refused([](Description* d) { d->machine = "nonesuch"; }, "machine \"nonesuch\": give a file that ends in .xml");
  refused([](Description* d) { d->machine = "/no/such.xml"; }, "/no/such.xml: it cannot be opened");
  refused([](Description* d) { d->tuning = "/no/such.json"; }, "/no/such.json");
}

Journey journey_of(std::string_view algorithm, int nodes, int ranks, size_t count) {
  const topo::Topology topology = topo::synthetic(std::vector<int>(static_cast<size_t>(nodes), ranks));
  PlanQuery query;
  query.count = count;
  const auto registry = algorithm_registry();
  const auto found = std::find_if(registry.begin(), registry.end(),
                                  [algorithm](const Algorithm& one) { return one.name == algorithm; });
  Journey journey;
  const Status status = follow(topology, query, *found, &journey);
  EXPECT_TRUE(status.ok()) << status.message();
  return journey;
}

TEST(Follow, CountsHops) {
  EXPECT_EQ(journey_of("direct", 1, 4, 1 << 20).hops, 2);
  EXPECT_EQ(journey_of("direct", 1, 4, 1 << 20).messages.size(), 2u * 4 * 3);
  EXPECT_EQ(journey_of("oneshot", 1, 4, 1 << 20).hops, 1);
  EXPECT_EQ(journey_of("ring", 4, 1, 1 << 20).hops, 6);
  EXPECT_EQ(journey_of("ring", 4, 1, 1 << 20).messages.size(), 6u * 4);
  EXPECT_EQ(journey_of("doubling", 1, 8, 1 << 20).hops, 3);
  EXPECT_EQ(journey_of("halving", 1, 8, 1 << 20).hops, 6);
  EXPECT_EQ(journey_of("hier_direct", 4, 2, 1 << 20).hops, 4);
}

TEST(Follow, BytesAreThoseOfTheCall) {
  const size_t count = 1 << 20;
  std::map<int, double> sent;
  for (const Message& message : journey_of("ring", 4, 1, count).messages) sent[message.from] += message.bytes;
  for (const auto& [rank, bytes] : sent) EXPECT_EQ(bytes, 2 * 0.75 * 4 * count) << rank;
}

TEST(Draw, HasEveryRankAndHop) {
  const topo::Topology topology = topo::synthetic({2, 2});
  const std::string svg = draw(topology, journey_of("hier_direct", 2, 2, 4096), "a title", "some words");
  for (const char* part : {"a title", "some words", "node 1", ">3</text>", "0 to 1: ", "between nodes", "</svg>"}) {
    EXPECT_NE(svg.find(part), std::string::npos) << part;
  }
}

}  // namespace
}  // namespace coll::plan_tool
