// The synthetic topology and the views for people and programs.
#include "topology/views.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/status.hpp"

namespace coll::topo {
namespace {

TEST(Synthetic, RanksAreConsecutive) {
  const Topology t = synthetic({2, 1, 3});
  EXPECT_EQ(t.nranks, 6);
  ASSERT_EQ(t.nodes.size(), 3u);
  EXPECT_EQ(t.nodes[2].ranks, (std::vector<int>{3, 4, 5}));
  EXPECT_EQ(t.node_of, (std::vector<int>{0, 0, 1, 2, 2, 2}));
  EXPECT_EQ(t.local_of, (std::vector<int>{0, 1, 0, 0, 1, 2}));
  EXPECT_FALSE(t.oversubscribed());
  EXPECT_GT(t.cost(LinkKind::kNetwork).bandwidth_gbs, 0);
  EXPECT_GT(t.cost(LinkKind::kSharedMemory).bandwidth_gbs, 0);
}

Topology furnished() {
  Topology t = synthetic({3, 2});
  t.nodes[0].nics = {{"eth\"0\\", 25, 1, false}, {"eth1", 0, -1, false}};
  t.nodes[0].gpus = {{"A\tcard", -1}};
  t.nodes[0].l3_bytes = 32u << 20;
  t.nodes[0].memory_bytes = size_t{6} << 30;
  t.machines[1].pus = 1;
  return t;
}

TEST(Views, JsonIsValidAndComplete) {
  const nlohmann::json json = nlohmann::json::parse(to_json(furnished()));
  EXPECT_EQ(json["nranks"], 5);
  EXPECT_EQ(json["oversubscribed"], true);
  EXPECT_EQ(json["links"]["net"]["bandwidth_gbs"], 1.25);
  EXPECT_EQ(json["machines"][1]["pus"], 1);
  const auto& node = json["nodes"][0];
  EXPECT_EQ(node["ranks"], (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(node["nics"][0]["name"], "eth\"0\\");
  EXPECT_EQ(node["nics"][0]["gbits"], 25);
  EXPECT_TRUE(node["nics"][1]["gbits"].is_null());
  EXPECT_TRUE(node["nics"][1]["numa"].is_null());
  EXPECT_EQ(node["gpus"][0]["name"], "A\tcard");
}

TEST(Views, TextNamesWhatIsThere) {
  EXPECT_EQ(to_text(furnished()),
            "5 ranks on 2 nodes, more ranks than hardware threads\n"
            "link shm: 0.5 us, 5 GB/s\n"
            "link net: 25 us, 1.25 GB/s\n"
            "node 0 node0: 1 package, 1 NUMA node, 3 cores, 3 usable PUs, L3 32 MiB, 6 GiB of memory\n"
            "  ranks 0-2 on machine 0\n"
            "  NIC eth\"0\\, 25 Gbit/s, NUMA node 1\n"
            "  NIC eth1, rate unknown\n"
            "  GPU A\tcard\n"
            "node 1 node1: 1 package, 1 NUMA node, 2 cores, 2 usable PUs\n"
            "  ranks 3-4 on machine 1\n");
}

TEST(Views, LinksInsideNodesAndSwitchesAreShownWhereThereAre) {
  Topology t = synthetic({4, 4, 4});
  EXPECT_EQ(to_text(t).find("package:"), std::string::npos);
  EXPECT_EQ(to_json(t).find("switches"), std::string::npos);
  t.nodes[1].packages = t.nodes[1].numa_nodes = 2;
  t.switches = {2, 40};
  EXPECT_NE(to_text(t).find("link package: 0.7 us, 50 GB/s\nswitches of 2 nodes, uplink 40 GB/s\n"), std::string::npos)
      << to_text(t);
  EXPECT_EQ(to_text(t).find("link numa"), std::string::npos) << "each package is one";
  t.nodes[1].numa_nodes = 4;
  EXPECT_NE(to_text(t).find("link numa: 0.55 us, 100 GB/s\n"), std::string::npos) << to_text(t);
  EXPECT_NE(to_json(t).find("\"package\":{\"latency_us\":0.7,\"bandwidth_gbs\":50}},"
                            "\"switches\":{\"nodes\":2,\"uplink_gbs\":40}"),
            std::string::npos)
      << to_json(t);
}

TEST(Views, TextShortensRanks) {
  Topology t = synthetic({6});
  t.nodes[0].ranks = {0, 1, 3, 5, 6, 7};
  EXPECT_NE(to_text(t).find("ranks 0-1, 3, 5-7 on"), std::string::npos);
}

}  // namespace
}  // namespace coll::topo
