// How ranks become nodes: keys, affinities and cards of ranks that are made up, and the collective itself on threads.
#include "topology/exchange.hpp"

#include <gtest/gtest.h>

#include <barrier>
#include <cstring>
#include <random>
#include <thread>

#include "topology/packing.hpp"
#include "topology/views.hpp"

namespace coll::topo {
namespace {

struct Place {
  const char* host;
  const char* machine;
  uint64_t affinity;
};

std::vector<RankCard> cards_of(const std::vector<Place>& places) {
  std::vector<RankCard> cards;
  for (const Place& place : places) cards.push_back({hash_key(place.host), hash_key(place.machine), {place.affinity}});
  return cards;
}

Node discovered(const std::string& host, int pus) {
  Node node;
  node.host = host;
  node.pus = pus;
  return node;
}

TEST(Group, RoundRobinRanks) {
  const Topology t = group(cards_of({{"b", "b", 1}, {"a", "a", 1}, {"b", "b", 2}, {"a", "a", 2}, {"b", "b", 4}}));
  EXPECT_EQ(t.nranks, 5);
  ASSERT_EQ(t.nodes.size(), 2u);
  EXPECT_EQ(t.nodes[0].ranks, (std::vector<int>{0, 2, 4}));
  EXPECT_EQ(t.nodes[1].ranks, (std::vector<int>{1, 3}));
  EXPECT_EQ(t.node_of, (std::vector<int>{0, 1, 0, 1, 0}));
  EXPECT_EQ(t.local_of, (std::vector<int>{0, 0, 1, 1, 2}));
  EXPECT_EQ(t.link_between(0, 4), LinkKind::kSharedMemory);
  EXPECT_EQ(t.link_between(0, 3), LinkKind::kNetwork);
}

TEST(Group, UnevenNodes) {
  const Topology t = group(cards_of({{"a", "a", 1}, {"b", "b", 1}, {"b", "b", 2}, {"c", "c", 1}, {"b", "b", 4}}));
  ASSERT_EQ(t.nodes.size(), 3u);
  EXPECT_EQ(t.nodes[0].ranks, std::vector<int>{0});
  EXPECT_EQ(t.nodes[1].ranks, (std::vector<int>{1, 2, 4}));
  EXPECT_EQ(t.nodes[2].ranks, std::vector<int>{3});
}

TEST(Group, OneNodeSpeaksForItsMachine) {
  const Topology t = group(cards_of({{"a", "m", 1}, {"b", "m", 1}, {"c", "other", 1}, {"d", "other", 1}}));
  EXPECT_TRUE(first_of_machine(t, 0));
  EXPECT_FALSE(first_of_machine(t, 1));
  EXPECT_TRUE(first_of_machine(t, 2));
  EXPECT_FALSE(first_of_machine(t, 3));
}

TEST(Assemble, NodeMayUseWhatItsRanksAreBoundTo) {
  const auto cards = cards_of({{"a", "a", 0b0011}, {"a", "a", 0b0110}, {"b", "b", 0b1}});
  const Topology t = assemble(cards, std::vector{discovered("a", 2), discovered("b", 1)}, {});
  EXPECT_EQ(t.nodes[0].pus, 3);
  EXPECT_EQ(t.nodes[1].pus, 1);
  EXPECT_EQ(t.nodes[1].host, "b");
  EXPECT_EQ(t.nodes[0].ranks, (std::vector<int>{0, 1}));
  EXPECT_FALSE(t.oversubscribed());
}

TEST(Assemble, RanksOnTheSameThreadAreTooMany) {
  const auto cards = cards_of({{"a", "a", 1}, {"a", "a", 1}});
  EXPECT_TRUE(assemble(cards, std::vector{discovered("a", 8)}, {}).oversubscribed());
}

TEST(Assemble, NodesOfOneMachineShareItsCores) {
  const auto cards = cards_of({{"n0", "m", 3}, {"n0", "m", 3}, {"n1", "m", 3}, {"n1", "m", 3}});
  const Topology t = assemble(cards, std::vector{discovered("n0", 2), discovered("n1", 2)}, {});
  ASSERT_EQ(t.machines.size(), 1u);
  EXPECT_EQ(t.machines[0].ranks, 4);
  EXPECT_EQ(t.machines[0].pus, 2);
  EXPECT_EQ(t.nodes.size(), 2u);
  EXPECT_TRUE(t.oversubscribed());
}

// A machine with 8 hardware threads and ranks that may run on these.
bool has_room(const std::vector<uint64_t>& affinities) {
  std::vector<Place> places;
  for (const uint64_t affinity : affinities) places.push_back({"a", "a", affinity});
  Node node = discovered("a", 8);
  node.system_pus = 8;
  return assemble(cards_of(places), std::vector{unpack(pack(node, {}))}, {}).machine_of(0).has_room();
}

TEST(Assemble, RoomIsAHardwareThreadThatNoRankNeeds) {
  EXPECT_TRUE(has_room({0xff, 0xff, 0xff}));
  EXPECT_FALSE(has_room(std::vector<uint64_t>(8, 0xff)));
  EXPECT_FALSE(has_room({3, 3})) << "the job is confined to two";
  EXPECT_TRUE(has_room({1, 2})) << "bound, each to its own";
  EXPECT_TRUE(has_room({3, 12}));
  EXPECT_FALSE(has_room({1, 2, 4, 8, 16, 32, 64, 128}));
  EXPECT_TRUE(has_room({3, 12, 48, 192})) << "half of them are the ranks' second threads";
  EXPECT_FALSE(has_room({1})) << "confined rather than bound";
  EXPECT_FALSE(has_room({1, 1}));
}

TEST(Assemble, TakenIsWhatRanksAreBoundTo) {
  const std::vector<Node> nodes = {discovered("a", 8)};
  EXPECT_EQ(assemble(cards_of({{"a", "a", 3}, {"a", "a", 8}}), nodes, {}).machines[0].taken, PuSet{11});
  EXPECT_EQ(assemble(cards_of({{"a", "a", 3}, {"a", "a", 6}}), nodes, {}).machines[0].taken, PuSet{});
  EXPECT_EQ(assemble(cards_of({{"a", "a", 3}, {"a", "a", 0}}), nodes, {}).machines[0].taken, PuSet{}) << "not known";
  EXPECT_EQ(assemble(cards_of({{"a", "a", 3}}), nodes, {}).machines[0].taken, PuSet{});
}

TEST(Assemble, UnknownAffinityLeavesWhatTheLeaderFound) {
  const auto cards = cards_of({{"a", "a", 0}, {"a", "a", 1}});
  const Topology t = assemble(cards, std::vector{discovered("a", 2048)}, {});
  EXPECT_EQ(t.nodes[0].pus, 2048);
  EXPECT_EQ(t.machines[0].pus, 2048);
}

TEST(Assemble, OverridesAreApplied) {
  Tuning tuning;
  tuning.overrides[static_cast<size_t>(LinkKind::kNetwork)] = LinkCost{7, 3};
  const auto cards = cards_of({{"a", "a", 1}, {"b", "b", 1}});
  const Topology t = assemble(cards, std::vector{discovered("a", 1), discovered("b", 1)}, tuning);
  EXPECT_EQ(t.cost(LinkKind::kNetwork).latency_us, 7);
  EXPECT_EQ(t.cost(LinkKind::kNetwork).bandwidth_gbs, 3);
  EXPECT_EQ(t.cost(LinkKind::kSharedMemory).bandwidth_gbs, 5);
}

// Ranks at these GPUs, each with its own length up to which calls are staged; "": at none.
std::vector<RankCard> at_gpus(const std::vector<std::pair<const char*, uint64_t>>& places) {
  std::vector<RankCard> cards;
  for (const auto& [gpu, staged_bytes] : places) {
    Joining own("a", static_cast<int>(cards.size()), static_cast<int>(places.size()));
    if (const auto address = parse_pci(gpu)) own.device = RankDevice{*address, staged_bytes};
    cards.push_back(make_rank_card(own));
  }
  return cards;
}

TEST(Assemble, RanksAreOnTheGpusThatTheyTellOf) {
  Node node = discovered("a", 8);
  for (const char* gpu : {"0000:14:00.0", "0000:24:00.0"}) {
    node.gpus.push_back({gpu, 0, {pci_address(0, 0x10, 0, 0), *parse_pci(gpu)}, {}});
  }
  const std::vector<Node> nodes = {unpack(pack(node, {}))};
  const Topology t = assemble(
      at_gpus({{"0000:24:00.0", 3}, {"0000:14:00.0", 9}, {"0000:24:00.0", 5}, {"0000:34:00.0", 1}}), nodes, {});
  ASSERT_TRUE(t.on_devices());
  EXPECT_EQ(t.gpu_of, (std::vector<int>{1, 0, 1, -1}));
  EXPECT_EQ(t.gpu_at(0), &t.nodes[0].gpus[1]);
  EXPECT_EQ(t.gpu_at(3), nullptr) << "a GPU that the leader has not found";
  EXPECT_EQ(t.staged_bytes, 9u);
  EXPECT_NE(to_json(t).find("\"gpu_of\":[1,0,1,-1]"), std::string::npos) << to_json(t);
  EXPECT_NE(to_text(t).find("GPU 0000:24:00.0, NUMA node 0, ranks 0, 2\n"), std::string::npos) << to_text(t);

  const Topology mixed = assemble(at_gpus({{"0000:24:00.0", 3}, {"", 0}}), nodes, {});
  EXPECT_FALSE(mixed.on_devices()) << "not all ranks are on devices";
  EXPECT_EQ(mixed.gpu_at(0), nullptr);
  EXPECT_EQ(to_json(mixed).find("gpu_of"), std::string::npos);
}

TEST(NodeCard, CarriesANode) {
  Node node = discovered("host", 128);
  node.packages = 2;
  node.numa_nodes = 8;
  node.cores = 64;
  node.l2_bytes = 1 << 20;
  node.l3_bytes = 256 << 20;
  node.memory_bytes = size_t{1} << 40;
  node.nics = {{"eth0", 25, 1, false}, {"mlx5_0", 400, -1, true}};
  node.gpus = {{"card", 3}};
  node.domains = {{0, 0, 1 << 30, {{0, 4, 2, 2, 1}, {8, 8, 1, 1, 1}}}, {3, 1, 0, {{64, 32, 1, 2, 32}}}};
  Tuning tuning;
  tuning.overrides[1] = LinkCost{2, 0.5};
  const NodeCard card = pack(node, tuning);
  EXPECT_EQ(to_json(unpack(card)), to_json(node));
  const LinkOverrides overrides = unpack(card.tuning).overrides;
  EXPECT_FALSE(overrides[0].has_value());
  ASSERT_TRUE(overrides[1].has_value());
  EXPECT_EQ(overrides[1]->bandwidth_gbs, 0.5);
}

TEST(NodeCard, CutsWhatDoesNotFit) {
  Node node = discovered(std::string(500, 'h'), 1);
  node.nics.assign(100, {std::string(99, 'n'), 1, 0, false});
  node.gpus.assign(100, {std::string(99, 'g'), 0});
  const Node back = unpack(pack(node, Tuning()));
  EXPECT_EQ(back.host, std::string(63, 'h'));
  EXPECT_EQ(back.nics.size(), NodeCard::kMostNics);
  EXPECT_EQ(back.nics[15].name, std::string(15, 'n'));
  EXPECT_EQ(back.gpus.size(), NodeCard::kMostGpus);
}

TEST(NodeCard, LeavesOutWhereItsCoresAreIfThatDoesNotFit) {
  Node node = discovered("host", 128);
  node.domains.assign(NodeCard::kMostDomains + 1, {0, 0, 0, {{0, 1, 1, 1, 1}}});
  EXPECT_TRUE(unpack(pack(node, Tuning())).domains.empty());
  node.domains.assign(1, {0, 0, 0, std::vector<CoreRun>(NodeCard::kMostRuns + 1)});
  EXPECT_TRUE(unpack(pack(node, Tuning())).domains.empty());
}

TEST(NodeCard, DamagedCountsAndTextsAreNotBelieved) {
  NodeCard card{};
  std::memset(&card, 0xff, sizeof(card));
  const Node node = unpack(card);
  EXPECT_EQ(node.nics.size(), NodeCard::kMostNics);
  EXPECT_EQ(node.host.size(), sizeof(card.host));
  EXPECT_EQ(node.domains.size(), NodeCard::kMostDomains);
  EXPECT_LE(count(node.domains[0].pus()), kMostPus);
}

// An allgather between threads, and what each thread's exchange() came to.
class Threads {
 public:
  explicit Threads(size_t nranks) : barrier_(static_cast<std::ptrdiff_t>(nranks)), nranks_(nranks), board_(nranks) {}

  Allgather allgather(size_t rank) {
    return [this, rank](std::span<const std::byte> mine, std::byte* all) {
      board_[rank] = mine;
      barrier_.arrive_and_wait();
      for (size_t r = 0; r < nranks_; ++r) std::memcpy(all + r * mine.size(), board_[r].data(), mine.size());
      barrier_.arrive_and_wait();
      return Status();
    };
  }

 private:
  std::barrier<> barrier_;
  size_t nranks_;
  std::vector<std::span<const std::byte>> board_;
};

Joining joining(const std::vector<std::string>& keys, size_t rank) {
  return {keys[rank], static_cast<int>(rank), static_cast<int>(keys.size())};
}

TEST(Exchange, AllRanksHoldTheSameTopologyWithRankZerosLinks) {
  const std::vector<std::string> keys = {"x", "y", "x", "z", "y"};
  Threads world(keys.size());
  std::vector<Topology> topologies(keys.size());
  std::vector<std::string> warnings(keys.size());
  std::vector<std::thread> threads;
  for (size_t rank = 0; rank < keys.size(); ++rank) {
    threads.emplace_back([&, rank] {
      Joining own = joining(keys, rank);
      Tuning& tuning = own.tuning;
      tuning.overrides[1] = LinkCost{10.0 + static_cast<double>(rank), 1};
      tuning.rates.copy_gbs = 10.0 + static_cast<double>(rank);
      tuning.rates.kernel_copy_gbs = 4.0 + static_cast<double>(rank);
      tuning.switches = {16 + static_cast<int>(rank), 40};
      EXPECT_TRUE(tuning.rates.set_codec("int8", 1.0 + static_cast<double>(rank), 1));
      const Status status = exchange(own, world.allgather(rank), &topologies[rank], &warnings[rank]);
      EXPECT_TRUE(status.ok()) << status.message();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(topologies[0].node_of, (std::vector<int>{0, 1, 0, 2, 1}));
  EXPECT_EQ(topologies[1].switches.nodes, 16) << "rank 0's";
  EXPECT_EQ(topologies[1].switches.uplink_gbs, 40);
  EXPECT_EQ(topologies[0].cost(LinkKind::kNetwork).latency_us, 10);
  EXPECT_EQ(topologies[0].machines.size(), 1u);
  EXPECT_EQ(topologies[0].machines[0].ranks, 5);
  for (size_t rank = 1; rank < keys.size(); ++rank) {
    EXPECT_EQ(to_json(topologies[rank]), to_json(topologies[0]));
    EXPECT_EQ(topologies[rank].rates.copy_gbs, 10);
    EXPECT_EQ(topologies[rank].rates.kernel_copy_gbs, 4);
    EXPECT_EQ(topologies[rank].rates.codec("int8").encode_gbs, 1);
    EXPECT_EQ(warnings[rank], "") << "one rank of a machine speaks";
  }
}

// What a simulator says counts, and nothing of this machine.
TEST(Exchange, SimulatedHostsAreMachinesOfTheirOwn) {
  const std::vector<std::string> hosts = {"node-0", "node-0", "node-1"};
  Threads world(hosts.size());
  std::vector<Topology> topologies(hosts.size());
  std::vector<std::thread> threads;
  for (size_t rank = 0; rank < hosts.size(); ++rank) {
    threads.emplace_back([&, rank] {
      Joining own = joining(hosts, rank);
      own.simulated_host = hosts[rank];
      std::string warning;
      const Status status = exchange(own, world.allgather(rank), &topologies[rank], &warning);
      EXPECT_TRUE(status.ok()) << status.message();
      EXPECT_EQ(warning, "");
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Topology& topology = topologies[2];
  EXPECT_EQ(topology.node_of, (std::vector<int>{0, 0, 1}));
  EXPECT_EQ(topology.machines.size(), 2u);
  EXPECT_EQ(topology.nodes[1].host, "node-1");
  EXPECT_EQ(topology.nodes[0].cores, 2);
  EXPECT_FALSE(topology.oversubscribed());
  EXPECT_FALSE(topology.machine_of(0).has_room());
}

TEST(PackZeros, GivesBackWhatWasPacked) {
  std::vector<std::byte> bytes(200000);  // runs longer than one header can tell
  std::mt19937 random(7);
  for (const size_t filled : {0u, 1u, 3u, 1000u, 150000u}) {
    for (size_t i = 0; i < filled; ++i) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    const std::vector<std::byte> packed = pack_zeros(bytes);
    std::vector<std::byte> back(bytes.size(), std::byte{0xff});
    ASSERT_TRUE(unpack_zeros(packed, back).ok());
    EXPECT_EQ(back, bytes);
    if (filled == 0) {
      EXPECT_TRUE(packed.empty());
    }
  }
}

TEST(PackZeros, DamageIsSeen) {
  std::vector<std::byte> bytes(64, std::byte{1});
  std::vector<std::byte> packed = pack_zeros(bytes);
  EXPECT_EQ(unpack_zeros(packed, std::span(bytes).first(63)).code(), collCorruptData);
  packed.pop_back();
  EXPECT_EQ(unpack_zeros(packed, bytes).code(), collCorruptData);
  EXPECT_EQ(unpack_zeros(std::span(packed).first(2), bytes).code(), collCorruptData);
}

TEST(Exchange, AFileThatALeaderCannotReadIsEveryRanksError) {
  const std::vector<std::string> keys = {"x", "y", "x", "y"};
  Threads world(keys.size());
  std::vector<Status> results(keys.size());
  std::vector<std::thread> threads;
  for (size_t rank = 0; rank < keys.size(); ++rank) {
    threads.emplace_back([&, rank] {
      const char* const file = rank == 1 ? "/no/such.xml" : rank == 2 ? "/nobody/looks/at/it" : "";
      Joining own = joining(keys, rank);
      own.topo_file = file;
      Topology topology;
      std::string warning;
      results[rank] = exchange(own, world.allgather(rank), &topology, &warning);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Status& result : results) {
    EXPECT_EQ(result.code(), collInvalidArgument);
    EXPECT_NE(result.message().find("COLL_TOPO_FILE=/no/such.xml"), std::string::npos) << result.message();
  }
}

TEST(Exchange, AFailureOfTheAllgatherIsHandedOn) {
  Topology topology;
  std::string warning;
  int calls = 0;
  const Allgather fails = [&calls](std::span<const std::byte> mine, std::byte* all) {
    std::memcpy(all, mine.data(), mine.size());
    return ++calls == 2 ? Status(collTimeout, "rank 1 did not come") : Status();
  };
  const Status status = exchange(joining({"x"}, 0), fails, &topology, &warning);
  EXPECT_EQ(status.code(), collTimeout);
  EXPECT_EQ(status.message(), "rank 1 did not come");
}

}  // namespace
}  // namespace coll::topo
