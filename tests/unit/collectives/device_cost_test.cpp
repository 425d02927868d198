// What calls on devices are predicted to take, by formulas of the tests' own, and which plans that makes ranks choose.
#include <gtest/gtest.h>

#include "collectives/cost.hpp"
#include "collectives/device_load.hpp"
#include "tests/unit/collectives/shapes.hpp"

namespace coll {
namespace {

using shapes::coded;
using shapes::exact;

constexpr double kNvLinkGbs = 450.0 * 256 / 272;  // payload of 450 GB/s
constexpr double kPcieGbs = 64.0 * 256 / 280;
constexpr topo::DeviceRates kRates;

enum class Joined { kNvSwitch, kMesh, kPcieSwitch, kPcieHost, kUnknown };

topo::Gpu gpu_at(int index, int gpus, Joined joined) {
  const auto address = [](int bus) { return topo::pci_address(0, static_cast<uint32_t>(bus), 0, 0); };
  topo::Gpu gpu;
  const int bridge = joined == Joined::kPcieSwitch ? 1 : 2 + index;  // the first that is above it
  gpu.path = {address(bridge), address(100 + bridge), address(16 + index)};
  gpu.facts.pcie_bytes_per_s = joined == Joined::kUnknown ? 0 : 64'000'000'000;
  if (joined == Joined::kNvSwitch) gpu.facts.nvlinks = {{std::nullopt, 450'000'000'000}};
  for (int other = 0; joined == Joined::kMesh && other < gpus; ++other) {
    if (other != index) gpu.facts.nvlinks.push_back({address(16 + other), 450'000'000'000});
  }
  return gpu;
}

// Nodes with a GPU for every `ranks_per_gpu` ranks; calls of all lengths are on devices.
topo::Topology on_gpus(const std::vector<int>& ranks_per_node, Joined joined, int ranks_per_gpu = 1) {
  topo::Topology topology = topo::synthetic(ranks_per_node);
  for (topo::Node& node : topology.nodes) {
    const int gpus = (static_cast<int>(node.ranks.size()) + ranks_per_gpu - 1) / ranks_per_gpu;
    for (int i = 0; i < gpus; ++i) node.gpus.push_back(gpu_at(i, gpus, joined));
  }
  for (const int local : topology.local_of) topology.gpu_of.push_back(local / ranks_per_gpu);
  return topology;
}

Cost cost_of(const topo::Topology& topology, const PlanQuery& query, std::string_view name) {
  std::vector<const Algorithm*> named;
  EXPECT_TRUE(parse_algorithms(name, &named).ok()) << name;
  const std::optional<Plan> plan = plan_with(*named.front(), topology, query);
  EXPECT_TRUE(plan.has_value()) << name;
  return plan ? predict(topology, query, *plan) : Cost();
}

Plan chosen(const topo::Topology& topology, const PlanQuery& query) {
  std::vector<const Algorithm*> all;
  EXPECT_TRUE(parse_algorithms("", &all).ok());
  Plan plan;
  const Status status = choose_plan(topology, query, all, &plan);
  EXPECT_TRUE(status.ok()) << status.message();
  return plan;
}

constexpr int kRanks = 8;
constexpr size_t kCount = kRanks << 21;  // of floats: 64 MiB
constexpr double kBytes = kCount * 4.0;
constexpr double kShard = kBytes / kRanks;

double gbs_us(double bytes, double gbs) { return bytes / (gbs * 1000); }

// An allreduce by `direct`: a rank sends 7 contributions, takes 7 and makes one result, which goes to 7, and takes 7.
TEST(DeviceCost, OfADirectAllReduceIsThatOfItsBytes) {
  const PlanQuery query = exact(collFuncAllReduce, kCount);
  const double crosses = 2 * (kRanks - 1) * kShard;
  const double moved = 2 * (kRanks - 1) * kShard + (kRanks + 2) * kShard + 2 * (kRanks - 1) * kShard;

  const Cost nvlink = cost_of(on_gpus({kRanks}, Joined::kNvSwitch), query, "direct");
  EXPECT_NEAR(nvlink.device.nvlink_us * nvlink.chunks, gbs_us(crosses, kNvLinkGbs), 1e-6);
  EXPECT_NEAR(nvlink.device.memory_us * nvlink.chunks, gbs_us(moved, kRates.memory_gbs), 1e-6);
  EXPECT_EQ(nvlink.device.pcie_us, 0);
  EXPECT_EQ(nvlink.core_us(), 0) << "no core has anything to do";
  EXPECT_EQ(nvlink.device.staging_us, 0);

  const double steps_us = (2 * (kRanks - 1) + 1) * kRates.step_us;
  EXPECT_NEAR(nvlink.latency_us, steps_us + 2 * 0.7, 1e-9);
  const double first_us = nvlink.latency_us + std::max(nvlink.device.nvlink_us, nvlink.device.memory_us);
  EXPECT_NEAR(nvlink.first_us, first_us, 1e-6);
  const double next_us = std::max(nvlink.device.nvlink_us, first_us / query.chunks_in_flight);
  EXPECT_NEAR(nvlink.us, first_us + (nvlink.chunks - 1) * next_us, 1e-6);

  const Cost pcie = cost_of(on_gpus({kRanks}, Joined::kPcieSwitch), query, "direct");
  EXPECT_NEAR(pcie.device.pcie_us * pcie.chunks, gbs_us(crosses, kPcieGbs), 1e-6);
  EXPECT_EQ(pcie.device.nvlink_us, 0);
  EXPECT_NEAR(pcie.latency_us, steps_us + 2 * 1.2, 1e-9);
  EXPECT_NEAR(cost_of(on_gpus({kRanks}, Joined::kPcieHost), query, "direct").latency_us, steps_us + 2 * 2.0, 1e-9);
  const Cost unknown = cost_of(on_gpus({kRanks}, Joined::kUnknown), query, "direct");
  EXPECT_NEAR(unknown.device.pcie_us * unknown.chunks, gbs_us(crosses, kRates.pcie_gbs), 1e-6);
}

// Links that lead to one GPU each are as many ways at a time.
TEST(DeviceCost, LinksOfAMeshAreEachPeersOwn) {
  const PlanQuery query = exact(collFuncAllReduce, kCount);
  const Cost mesh = cost_of(on_gpus({kRanks}, Joined::kMesh), query, "direct");
  EXPECT_NEAR(mesh.device.nvlink_us * mesh.chunks, gbs_us(2 * kShard, kNvLinkGbs), 1e-6);
}

TEST(DeviceCost, RanksThatShareAGpuShareItsMemoryAndItsLinks) {
  const PlanQuery query = exact(collFuncAllReduce, kCount);
  const double moved = (4 * (kRanks - 1) + kRanks + 2) * kShard;  // by a rank
  const Cost all = cost_of(on_gpus({kRanks}, Joined::kNvSwitch, kRanks), query, "direct");
  EXPECT_EQ(all.device.nvlink_us + all.device.pcie_us, 0) << "nothing leaves the GPU";
  EXPECT_NEAR(all.device.memory_us * all.chunks, gbs_us(kRanks * moved, kRates.memory_gbs), 1e-6);
  // Of its 7 peers, a rank reaches 6 over NVLink, and so does the other one there.
  const Cost two = cost_of(on_gpus({kRanks}, Joined::kNvSwitch, 2), query, "direct");
  EXPECT_NEAR(two.device.nvlink_us * two.chunks, gbs_us(2 * 2 * (kRanks - 2) * kShard, kNvLinkGbs), 1e-6);
}

TEST(DeviceCost, FollowsTheLinks) {
  const PlanQuery query = exact(collFuncAllReduce, kCount);
  const auto time = [&](const topo::Topology& topology) { return cost_of(topology, query, "direct").us; };
  topo::Topology nowhere = on_gpus({kRanks}, Joined::kPcieHost);
  nowhere.gpu_of.assign(kRanks, -1);
  EXPECT_LT(time(on_gpus({kRanks}, Joined::kNvSwitch)), time(on_gpus({kRanks}, Joined::kPcieSwitch)));
  EXPECT_LT(time(on_gpus({kRanks}, Joined::kPcieSwitch)), time(on_gpus({kRanks}, Joined::kPcieHost)));
  EXPECT_LT(time(on_gpus({kRanks}, Joined::kPcieHost)), time(nowhere)) << "a core carries all of it";
  EXPECT_GT(cost_of(nowhere, query, "direct").by_kind[static_cast<size_t>(Work::kShared)], 0);
}

// Between nodes a message crosses the sender's PCIe, the network and the receiver's PCIe; the network stack is a
// core's.
TEST(DeviceCost, BetweenNodesPcieAndCoresCount) {
  const PlanQuery query = exact(collFuncAllReduce, 1 << 24);
  const topo::Topology topology = on_gpus({1, 1}, Joined::kNvSwitch);
  const Cost cost = cost_of(topology, query, "direct");
  const double way = query.count * 4.0;  // half of it as a contribution, half as a result
  EXPECT_NEAR(cost.device.pcie_us * cost.chunks, gbs_us(way, kPcieGbs), 1e-6);
  EXPECT_NEAR(cost.link_us * cost.chunks, gbs_us(way, topology.cost(topo::LinkKind::kNetwork).bandwidth_gbs), 1e-6);
  EXPECT_NEAR(cost.work_us * cost.chunks, gbs_us(2 * way, topology.rates.network_cpu_gbs), 1e-6);
  EXPECT_GT(cost.message_us, 0);
}

// A message for ranks of other nodes is written to the host's memory once, for its receivers on the node, too.
// ... and once to each that reads it where it lies.
TEST(DeviceCost, WhatPassesTheHostLeavesTheGpuOnce) {
  const topo::Topology topology = on_gpus({2, 1, 1}, Joined::kNvSwitch);
  const PlanQuery query = exact(collFuncBroadcast, kCount);
  PlanQuery of_receiver = query;
  of_receiver.rank = 3;
  const Algorithm& direct = shapes::named("direct");
  const DeviceLoad root = device_load_of(topology, query, direct.plan(topology, query));
  EXPECT_NEAR(root.pcie_out_us, gbs_us(kBytes, kPcieGbs), 1e-6);
  EXPECT_NEAR(root.nvlink_out_us, gbs_us(kBytes, kNvLinkGbs), 1e-6);
  EXPECT_EQ(root.pcie_in_us, 0);
  const DeviceLoad receiver = device_load_of(topology, of_receiver, direct.plan(topology, of_receiver));
  EXPECT_NEAR(receiver.pcie_in_us, gbs_us(kBytes, kPcieGbs), 1e-6);
  EXPECT_EQ(receiver.pcie_out_us, 0);
}

// A coded message that is handed on is copied, and its copy read here and by the next rank; an exact one is sent on
// from where it has been written beside the output.
TEST(DeviceCost, WhatIsHandedOnAsItCameStaysOnDevices) {
  const topo::Topology topology = on_gpus({kRanks}, Joined::kNvSwitch);
  const PlanQuery lossy = coded(collFuncAllGather, kCount / kRanks);
  const Cost ring = cost_of(topology, lossy, "ring");
  const double message = kShard / 4 * lossy.codec.bytes_per_element;
  EXPECT_EQ(ring.device.pcie_us, 0);
  EXPECT_NEAR(ring.device.nvlink_us * ring.chunks, gbs_us((kRanks - 1) * message, kNvLinkGbs), 1e-6);
  const double own = 2 * kShard + message;  // is read, encoded, and written as it decodes
  const double handed_on = (kRanks - 2) * (3 * message + kShard);
  const double last = message + kShard;
  EXPECT_NEAR(ring.device.memory_us * ring.chunks, gbs_us(own + handed_on + last, topology.rates.device.memory_gbs),
              1e-6);
  const Cost of_elements = cost_of(topology, exact(collFuncAllReduce, kCount), "ring");
  EXPECT_EQ(of_elements.device.pcie_us, 0);
  const double all = 2 * (kRanks - 1) * kShard;
  EXPECT_NEAR(of_elements.device.nvlink_us * of_elements.chunks, gbs_us(all, kNvLinkGbs), 1e-6);
}

// Between nodes it lies in the host's memory, and is sent on from there.
TEST(DeviceCost, WhatIsHandedOnToOtherNodesLeavesNoGpu) {
  const topo::Topology topology = on_gpus({1, 1, 1}, Joined::kNvSwitch);
  const PlanQuery query = coded(collFuncAllGather, kCount / 3);
  const DeviceLoad load = device_load_of(topology, query, shapes::named("ring").plan(topology, query));
  const double block = static_cast<double>(query.count) * 4;
  const double message = block / 4 * query.codec.bytes_per_element;
  EXPECT_NEAR(load.pcie_out_us, gbs_us(message, kPcieGbs), 1e-6);
  EXPECT_NEAR(load.pcie_in_us, gbs_us(2 * message, kPcieGbs), 1e-6);
  const double moved = 2 * block + message + 2 * (message + block);
  EXPECT_NEAR(load.memory_us, gbs_us(moved, topology.rates.device.memory_gbs), 1e-6);
}

// The board has no kernels: such a call goes to the host and back, and takes there what it takes of host memory.
TEST(DeviceCost, PlansWithoutKernelsAreStaged) {
  PlanQuery query = exact(collFuncAllReduce, 1 << 12);
  query.board_bytes = 64 << 10;
  const topo::Topology topology = on_gpus({kRanks}, Joined::kNvSwitch, 2);
  topo::Topology host = topology;
  host.gpu_of.clear();
  const Cost staged = cost_of(topology, query, "board");
  const double bytes = query.count * 4.0;
  EXPECT_NEAR(staged.device.staging_us, 2 * 1.0 + gbs_us(2 * 2 * bytes, kPcieGbs), 1e-9);
  EXPECT_EQ(staged.us, cost_of(host, query, "board").us + staged.device.staging_us);
  EXPECT_EQ(staged.device.steps_us, 0);
}

// Small messages of a codec spare PCIe more than they cost; on the device coding costs no core anything.
TEST(DeviceCost, CodecsWorkAtTheDevicesRate) {
  const PlanQuery query = coded(collFuncAllReduce, kCount);
  const topo::Topology topology = on_gpus({kRanks}, Joined::kPcieSwitch);
  const Cost cost = cost_of(topology, query, "direct");
  EXPECT_EQ(cost.core_us(), 0);
  const double message = kShard / 4 * query.codec.bytes_per_element;
  EXPECT_NEAR(cost.device.pcie_us * cost.chunks, gbs_us(2 * (kRanks - 1) * message, kPcieGbs), 1e-6);
  PlanQuery without = query;
  without.codec.has_kernels = false;
  EXPECT_GT(cost_of(topology, without, "direct").device.staging_us, 0);
}

// All that decides is the call's length and what all ranks have told.
TEST(DevicePlans, UpToTheStagedBytesAreThoseOfTheHost) {
  topo::Topology topology = on_gpus({kRanks}, Joined::kNvSwitch);
  topo::Topology host = topology;
  host.gpu_of.clear();
  topology.staged_bytes = 1 << 20;
  for (const collFunc_t func : shapes::kFuncs) {
    const size_t blocks = has_block_per_rank(func) ? kRanks : 1;
    const size_t most = topology.staged_bytes / sizeof(float) / blocks;
    for (const size_t count : {size_t{1}, most / 2, most}) {
      const Plan on_host = chosen(host, exact(func, count));
      const Plan plan = chosen(topology, exact(func, count));
      EXPECT_EQ(plan.algorithm, on_host.algorithm) << shapes::kFuncNames[func] << " " << count;
      EXPECT_EQ(plan.predicted_us, on_host.predicted_us) << shapes::kFuncNames[func] << " " << count;
    }
    EXPECT_NE(chosen(topology, exact(func, most + 1)).predicted_us, chosen(host, exact(func, most + 1)).predicted_us)
        << shapes::kFuncNames[func];
  }
}

// What bounds a plan: the bytes that cross a GPU's links, or its steps, of which four chunks' are under way at once.
double bound_us(double crosses, int steps, const Plan& plan, double gbs) {
  const PlanQuery query;
  return std::max(gbs_us(crosses, gbs),
                  static_cast<double>(plan.chunks) * steps * kRates.step_us / query.chunks_in_flight);
}

// `oneshot` sends 7 times the vector in two steps, `direct` sends it not quite twice in fifteen.
TEST(DevicePlans, AreThoseOfTheLinksBetweenTheGpus) {
  const size_t count = 1 << 22;
  const double bytes = count * 4.0;
  const PlanQuery query = exact(collFuncAllReduce, count);
  const auto bound = [&](std::string_view name, double gbs) {
    const Plan plan = shapes::named(name).plan(on_gpus({kRanks}, Joined::kNvSwitch), query);
    return name == "oneshot" ? bound_us((kRanks - 1) * bytes, 2, plan, gbs)
                             : bound_us(2 * (kRanks - 1) * bytes / kRanks, 2 * kRanks - 1, plan, gbs);
  };
  ASSERT_LT(bound("oneshot", kNvLinkGbs), bound("direct", kNvLinkGbs));
  ASSERT_LT(bound("direct", kPcieGbs), bound("oneshot", kPcieGbs));
  EXPECT_EQ(chosen(on_gpus({kRanks}, Joined::kNvSwitch), query).algorithm, "oneshot");
  EXPECT_EQ(chosen(on_gpus({kRanks}, Joined::kPcieSwitch), query).algorithm, "direct");
}

// A step takes long to start, so messages are long enough for it: on the host they are of the length of caches.
TEST(DevicePlans, AreCutForStepsThatTakeLongToStart) {
  const topo::Topology topology = on_gpus({kRanks}, Joined::kPcieSwitch);
  topo::Topology host = topology;
  host.gpu_of.clear();
  PlanQuery query = exact(collFuncAllReduce, kRanks * size_t{160} << 10);  // shards of 640 KiB
  query.buffer_bytes = 64 << 20;
  EXPECT_EQ(shapes::named("direct").plan(topology, query).chunks, 3u) << "of 256 KiB";
  EXPECT_GT(shapes::named("direct").plan(host, query).chunks, 3u);
}

TEST(DevicePlans, AreTheSameOnAllRanks) {
  const topo::Topology topology = on_gpus({4, 4}, Joined::kNvSwitch);
  for (const collFunc_t func : shapes::kFuncs) {
    PlanQuery query = exact(func, 1 << 20);
    const Plan first = chosen(topology, query);
    for (query.rank = 1; query.rank < topology.nranks; ++query.rank) {
      const Plan plan = chosen(topology, query);
      EXPECT_EQ(plan.algorithm, first.algorithm) << shapes::kFuncNames[func];
      EXPECT_EQ(plan.predicted_us, first.predicted_us) << shapes::kFuncNames[func];
      EXPECT_EQ(plan.chunks, first.chunks) << shapes::kFuncNames[func];
    }
  }
}

}  // namespace
}  // namespace coll
