// Link costs: estimates from what nodes have, and the overrides of COLL_LINKS.
#include "topology/links.hpp"

#include <gtest/gtest.h>

namespace coll::topo {
namespace {

constexpr auto kShmIndex = static_cast<size_t>(LinkKind::kSharedMemory);
constexpr auto kNetIndex = static_cast<size_t>(LinkKind::kNetwork);

Node node_with(std::vector<Nic> nics) {
  Node node;
  node.nics = std::move(nics);
  return node;
}

double net_gbs(std::vector<Node> nodes) { return estimate_links(nodes, false)[kNetIndex].bandwidth_gbs; }

std::string refusal(std::string_view text) {
  LinkOverrides overrides;
  const Status status = parse_links(text, &overrides);
  if (status.ok()) return "accepted";
  EXPECT_EQ(status.code(), collInvalidArgument);
  return status.message();
}

TEST(Links, NetworkIsTheSlowestNodesFastestNic) {
  constexpr double kPayload = 1448.0 / 1514.0;
  EXPECT_DOUBLE_EQ(net_gbs({node_with({{"a", 10}})}), 10 / 8.0 * kPayload);
  EXPECT_DOUBLE_EQ(net_gbs({node_with({{"a", 1}, {"b", 40}}), node_with({{"a", 25}, {"b", 0}})}), 25 / 8.0 * kPayload);
}

TEST(Links, UnknownRatesCountAsTenGigabit) {
  EXPECT_DOUBLE_EQ(net_gbs({}), 1.25);
  EXPECT_DOUBLE_EQ(net_gbs({node_with({}), node_with({{"a", 0}})}), 1.25);
  EXPECT_LT(net_gbs({node_with({}), node_with({{"a", 1}})}), 0.125);
}

TEST(Links, LatencyByKind) {
  const Node plain = node_with({{"eth0", 10}});
  const Node fabric = node_with({{"eth0", 1}, {"mlx5_0", 100, -1, true}});
  EXPECT_EQ(estimate_links(std::vector{plain, fabric}, false)[kNetIndex].latency_us, 25);
  EXPECT_LT(estimate_links(std::vector{fabric, fabric}, false)[kNetIndex].latency_us, 5);
  const LinkCosts calm = estimate_links(std::vector{plain}, false);
  const LinkCosts crowded = estimate_links(std::vector{plain}, true);
  EXPECT_EQ(calm[kShmIndex].latency_us, 0.5);
  EXPECT_EQ(calm[kShmIndex].bandwidth_gbs, 5);
  EXPECT_GT(crowded[kShmIndex].latency_us, calm[kShmIndex].latency_us);
}

TEST(Links, OverridesReplaceWhatTheyName) {
  LinkOverrides overrides;
  ASSERT_TRUE(parse_links("net=50us/0.12GBs,shm=800ns/8000MBs", &overrides).ok());
  const LinkCosts costs = override_links(estimate_links({}, false), overrides);
  EXPECT_DOUBLE_EQ(costs[kNetIndex].latency_us, 50);
  EXPECT_DOUBLE_EQ(costs[kNetIndex].bandwidth_gbs, 0.12);
  EXPECT_DOUBLE_EQ(costs[kShmIndex].latency_us, 0.8);
  EXPECT_DOUBLE_EQ(costs[kShmIndex].bandwidth_gbs, 8);
  ASSERT_TRUE(parse_links("net=1ms/1GBs", &overrides).ok());
  const LinkCosts half = override_links(estimate_links({}, false), overrides);
  EXPECT_DOUBLE_EQ(half[kNetIndex].latency_us, 1000);
  EXPECT_EQ(half[kShmIndex].bandwidth_gbs, 5);
  ASSERT_TRUE(parse_links("", &overrides).ok());
  EXPECT_FALSE(overrides[kNetIndex].has_value());
}

TEST(Links, RefusalsQuoteThePart) {
  EXPECT_EQ(refusal("shm=1us/8GBs,nett=1us/1GBs"),
            "COLL_LINKS=shm=1us/8GBs,nett=1us/1GBs: \"nett=1us/1GBs\" names no kind of link; there are shm, net, numa "
            "and package");
  EXPECT_NE(refusal("net").find("must look like net=50us/0.12GBs"), std::string::npos);
  EXPECT_NE(refusal("net=1us/1GBs,").find("must look like"), std::string::npos);
  EXPECT_NE(refusal("net=1/1GBs").find("latency"), std::string::npos);
  EXPECT_NE(refusal("net=-1us/1GBs").find("latency"), std::string::npos);
  EXPECT_NE(refusal("net=0us/1GBs").find("latency"), std::string::npos);
  EXPECT_NE(refusal("net=nanus/1GBs").find("latency"), std::string::npos);
  EXPECT_NE(refusal("net=1us/1Gbit").find("bandwidth"), std::string::npos);
  EXPECT_NE(refusal("net=1us/0GBs").find("bandwidth"), std::string::npos);
  EXPECT_NE(refusal("net=1us/1GBs,net=2us/1GBs").find("repeats"), std::string::npos);
}

TEST(Switches, AreANumberAndARate) {
  Switches read;
  ASSERT_TRUE(parse_switches("16/40GBs", &read).ok());
  EXPECT_EQ(read.nodes, 16);
  EXPECT_EQ(read.uplink_gbs, 40);
  ASSERT_TRUE(parse_switches("2/500MBs", &read).ok());
  EXPECT_EQ(read.uplink_gbs, 0.5);
  ASSERT_TRUE(parse_switches("", &read).ok());
  EXPECT_EQ(read.nodes, 0);
  for (const char* bad : {"16", "16/", "/40GBs", "0/40GBs", "-2/40GBs", "16x/40GBs", "16/40", "16/0GBs", "16/40Gbit"}) {
    const Status status = parse_switches(bad, &read);
    EXPECT_EQ(status.code(), collInvalidArgument) << bad;
    EXPECT_NE(status.message().find(text("COLL_SWITCH=", bad, " must look like 16/40GBs")), std::string::npos)
        << status.message();
  }
}

TEST(Switches, HoldNodesThatFollowOneAnother) {
  Topology t = synthetic({1, 1, 1, 1, 1});
  EXPECT_EQ(t.switch_of(3).begin, 0);
  EXPECT_EQ(t.switch_of(3).end, 5);
  t.switches = {2, 1};
  EXPECT_EQ(t.switch_of(3).begin, 2);
  EXPECT_EQ(t.switch_of(3).end, 4);
  EXPECT_EQ(t.switch_of(4).end, 5) << "the last one may have fewer";
}

}  // namespace
}  // namespace coll::topo
