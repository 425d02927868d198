// GPUs of made-up machines with what a library that stands in for NVML tells of them: where it goes, and what is near.
#include "topology/gpus.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/status.hpp"
#include "fake_machines.hpp"
#include "tests/support/directory.hpp"
#include "topology/discover.hpp"
#include "topology/exchange.hpp"
#include "topology/gpu_links.hpp"
#include "topology/links.hpp"
#include "topology/machine.hpp"
#include "topology/machine_file.hpp"
#include "topology/made_up.hpp"
#include "topology/packing.hpp"
#include "topology/views.hpp"

namespace coll::topo {
namespace {

using test::eight_at_switches;
using test::FakeLibrary;
using test::four_joined_directly;

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The machine as it is found where it runs: its PCI devices from hwloc, the rest from the library.
Node found(const std::string& machine, const std::string& library, std::string* warning) {
  const Machinery loaded = load_xml(content_of(text(COLL_TOPOLOGIES, "/", machine, ".xml")));
  EXPECT_NE(loaded, nullptr) << machine;
  Node node = discover_from(loaded.get(), {}, warning, library);
  node.nics = nics_of(loaded.get());
  return node;
}

Node found(const std::string& machine) {
  std::string warning;
  Node node = found(machine, COLL_FAKE_NVML, &warning);
  EXPECT_EQ(warning, "");
  return node;
}

// As the node's only rank hands it in, and reads it again.
Node gathered(const Node& node) {
  const NodeCard card = pack(node, Tuning());
  const auto alone = [](std::span<const std::byte> mine, std::byte* all) {
    std::memcpy(all, mine.data(), mine.size());
    return Status();
  };
  PackedCards cards;
  EXPECT_TRUE(cards.gather(std::as_bytes(std::span(&card, 1)), 1, alone).ok());
  NodeCard back{};
  EXPECT_TRUE(cards.read(0, &back).ok());
  return unpack(back);
}

std::vector<std::string> nearest(const Node& node) {
  std::vector<std::string> names;
  for (const Gpu& gpu : node.gpus) {
    const Nic* const nic = nearest_nic(node, gpu);
    names.push_back(nic != nullptr ? nic->name : "none");
  }
  return names;
}

std::vector<std::string> switches(const Node& node) {
  std::vector<std::string> addresses;
  for (const Gpu& gpu : node.gpus) {
    const std::optional<PciAddress> one = switch_of(node, gpu.path);
    addresses.push_back(one ? pci_text(*one) : "none");
  }
  return addresses;
}

TEST(Gpus, NearestNicIsTheOneBelowTheSameSwitchElseOfTheNumaNode) {
  FakeLibrary nvml;
  EXPECT_EQ(nearest(found("server_8_gpus")),
            (std::vector<std::string>{"mlx5_0", "mlx5_1", "mlx5_2", "mlx5_3", "mlx5_4", "mlx5_5", "mlx5_6", "mlx5_7"}));
  EXPECT_EQ(nearest(found("server_4_gpus")), (std::vector<std::string>{"mlx5_0", "mlx5_0", "ens9f0", "ens9f0"}));
  EXPECT_EQ(nearest(found("two_sockets_gpus_made_up")), (std::vector<std::string>{"mlx5_0", "none", "none"}));
  EXPECT_EQ(nearest(found("laptop")), std::vector<std::string>{"wlp2s0"});
}

TEST(Gpus, ALongerCommonWayComesBeforeAShorterOne) {
  Node node;
  const PciPath gpu = parse_path("0000:00:00.0/0000:00:01.0/0000:01:00.0/0000:02:01.0/0000:03:00.0");
  node.gpus = {{"gpu", 0, gpu, {}}};
  node.nics = {{"numa", 1, 0, false, {}},
               {"root", 1, 0, false, parse_path("0000:00:00.0/0000:00:02.0/0000:05:00.0")},
               {"switch", 1, 1, false, parse_path("0000:00:00.0/0000:00:01.0/0000:01:00.0/0000:02:02.0/0000:04:00.0")},
               {"port", 1, 0, false, parse_path("0000:00:00.0/0000:00:01.0/0000:06:00.0")}};
  EXPECT_EQ(nearest(node), std::vector<std::string>{"switch"});
  EXPECT_EQ(switches(node), std::vector<std::string>{"0000:01:00.0"}) << "not the port that is the GPU's alone";
  node.nics.erase(node.nics.begin() + 2);
  EXPECT_EQ(nearest(node), std::vector<std::string>{"port"});
  node.nics.pop_back();
  EXPECT_EQ(nearest(node), std::vector<std::string>{"root"});
  EXPECT_EQ(switches(node), std::vector<std::string>{"none"}) << "the host's bridge is no switch";
  node.nics.pop_back();
  EXPECT_EQ(nearest(node), std::vector<std::string>{"numa"});
  node.gpus[0].numa = -1;
  EXPECT_EQ(nearest(node), std::vector<std::string>{"none"});
}

TEST(Gpus, SwitchesAreTheBridgesThatJoinDevices) {
  FakeLibrary nvml;
  EXPECT_EQ(switches(found("server_4_gpus")),
            (std::vector<std::string>{"0000:10:01.0", "0000:10:01.0", "0000:90:01.0", "0000:90:01.0"}));
  EXPECT_EQ(switches(found("two_sockets_gpus_made_up")), (std::vector<std::string>{"none", "none", "none"}));
}

TEST(Gpus, FactsGoToTheGpuWithTheAddress) {
  FakeLibrary nvml;
  eight_at_switches(nvml);
  std::swap(nvml->gpus[0], nvml->gpus[5]);
  nvml->gpus[5].name = "The first";
  nvml->gpus[3].bus = 0x77;
  const Node node = found("server_8_gpus");
  EXPECT_EQ(node.gpus[0].facts.product, "The first");
  EXPECT_EQ(node.gpus[3].facts.product, "") << "the library does not know it";
  EXPECT_EQ(describe(node, node.gpus[1]),
            "GPU pci 0000:24:00.0 10de:2330, NVIDIA H200, NUMA node 0, PCIe 63.0154 GB/s, NVLink 478.116 GB/s to "
            "switches, PCI switch 0000:20:01.0, nearest NIC mlx5_1");
}

TEST(Gpus, TheLibraryIsAskedOnlyWhereThereIsAGpuOfNvidias) {
  FakeLibrary nvml;
  nvml->init_result = 9;
  std::string warning;
  found("laptop", COLL_FAKE_NVML, &warning);
  EXPECT_EQ(warning, "") << "it has a GPU of another maker";
  EXPECT_EQ(nvml->opened, 0);
  Node node;
  EXPECT_TRUE(read_machine_file(text(COLL_TOPOLOGIES, "/server_8_gpus.xml"), &node, &warning).ok());
  EXPECT_EQ(nvml->opened, 0) << "a file is another machine's";
  found("server_8_gpus", COLL_FAKE_NVML, &warning);
  EXPECT_EQ(nvml->opened, 1);
  EXPECT_EQ(warning,
            "the topology of the node is incomplete: NVML does not tell of GPUs (nvmlInit_v2: Driver Not Loaded)");
  node = found("server_8_gpus", "libcoll-no-such-library.so.1", &warning);
  EXPECT_EQ(warning, "");
  EXPECT_EQ(node.gpus.size(), 8u) << "hwloc has found them all the same";
}

TEST(Gpus, FilesAndCardsCarryAllOfIt) {
  FakeLibrary nvml;
  const test::Directory folder;
  const std::string path = folder.path() / "node.xml";
  for (const bool direct : {false, true}) {
    (direct ? four_joined_directly : eight_at_switches)(nvml);
    const Node node = found(direct ? "server_4_gpus" : "server_8_gpus");
    ASSERT_FALSE(node.gpus[1].facts.nvlinks.empty());
    EXPECT_EQ(to_json(gathered(node)), to_json(node));
    Topology t = cluster_of(node, 1, 1, {});
    t.nodes[0].ranks.clear();
    ASSERT_TRUE(write_view(t, 0, path).ok());
    Node back;
    std::string warning;
    ASSERT_TRUE(read_machine_file(path, &back, &warning).ok());
    back.pus = t.nodes[0].pus;  // what ranks may use is theirs to tell
    EXPECT_EQ(to_json(back), to_json(t.nodes[0]));
  }
}

TEST(Gpus, CardsCutAndDoNotBelieveTheirCounts) {
  Node node;
  node.gpus = {{"gpu", 0, PciPath(20, pci_address(1, 2, 3, 4)), {std::string(200, 'p'), 1, {}}}};
  node.gpus[0].path.back() = pci_address(9, 9, 9, 1);
  node.gpus[0].facts.nvlinks.assign(100, {pci_address(0, 1, 0, 0), 5});
  const Gpu cut = unpack(pack(node, Tuning())).gpus.at(0);
  EXPECT_EQ(cut.path.size(), kMostPciSteps);
  EXPECT_EQ(pci_text(cut.path.back()), "0009:09:09.1") << "the device's own address stays";
  EXPECT_EQ(cut.facts.product, std::string(47, 'p'));
  EXPECT_EQ(cut.facts.nvlinks.size(), NodeCard::kMostNvLinks);

  NodeCard card{};
  card.gpu_count = card.nic_count = 1;
  card.gpus[0].nvlink_count = card.gpus[0].path.count = card.nics[0].path.count = ~uint64_t{0};
  const Node damaged = unpack(card);
  EXPECT_EQ(damaged.gpus[0].facts.nvlinks.size(), NodeCard::kMostNvLinks);
  EXPECT_EQ(damaged.gpus[0].path.size(), kMostPciSteps);
  EXPECT_EQ(damaged.nics[0].path.size(), kMostPciSteps);
}

TEST(Gpus, WrittenLinksAndPathsThatMakeNoSenseAreLeftOut) {
  EXPECT_EQ(nvlinks_text(parse_nvlinks("switch=5,0000:01:00.0=7")), "switch=5,0000:01:00.0=7");
  EXPECT_EQ(nvlinks_text(parse_nvlinks("what=5,=,switch,0000:01:00.0,0000:1:2=3,switch=-1")), "switch=0");
  EXPECT_EQ(nvlinks_text(parse_nvlinks("switch=99999999999999999999999")), "switch=0");
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "switch=1,";
  EXPECT_EQ(parse_nvlinks(many).size(), 64u);
  for (const char* bad : {"", "x", "0000:00:00", "0000:100:00.0", "0000:00:20.0", "0000:00:00.8", "0000:00:00.0x", "/",
                          "0000:00:00.0//0000:00:00.0", "100000000:00:00.0"}) {
    EXPECT_TRUE(parse_path(bad).empty()) << bad;
  }
  const PciPath path = {pci_address(0xffffffff, 0xff, 0x1f, 7), pci_address(0, 1, 2, 3)};
  EXPECT_EQ(path_text(path), "ffffffff:ff:1f.7/0000:01:02.3");
  EXPECT_EQ(parse_path(path_text(path)), path);
  EXPECT_TRUE(parse_path(path_text(PciPath(kMostPciSteps + 1))).empty());
}

constexpr auto kPcie = static_cast<size_t>(GpuLinkKind::kPcie);
constexpr auto kNvLink = static_cast<size_t>(GpuLinkKind::kNvLink);
constexpr auto kPcieSwitch = static_cast<size_t>(GpuLinkKind::kPcieSwitch);
constexpr auto kPcieHost = static_cast<size_t>(GpuLinkKind::kPcieHost);

TEST(GpuLinks, AreWhatTheSlowestOfAKindCarries) {
  FakeLibrary nvml;
  for (const auto& cost : estimate_gpu_links(std::vector{found("server_8_gpus")}))
    EXPECT_FALSE(cost) << "no rates known";
  eight_at_switches(nvml);
  nvml->gpus[4].links[0].state = 0;
  nvml->gpus[6].generation = 4;
  const GpuLinkCosts at_switches = estimate_gpu_links(std::vector{found("server_8_gpus")});
  EXPECT_DOUBLE_EQ(at_switches[kPcie]->bandwidth_gbs, 31.507692307 * 256 / 280);
  EXPECT_DOUBLE_EQ(at_switches[kNvLink]->bandwidth_gbs, 17 * 26.562 * 256 / 272);
  EXPECT_FALSE(at_switches[kPcieSwitch] || at_switches[kPcieHost]) << "all are joined by NVLink";

  four_joined_directly(nvml);
  for (unsigned i = 2; i < 4; ++i) nvml->gpus[i].link_count = 0;
  nvml->gpus[0].link_count = nvml->gpus[1].link_count = 4;  // to one another
  GpuLinkCosts costs = estimate_gpu_links(std::vector{found("server_4_gpus")});
  EXPECT_DOUBLE_EQ(costs[kNvLink]->bandwidth_gbs, 100.0 * 256 / 272);
  EXPECT_DOUBLE_EQ(costs[kPcieSwitch]->bandwidth_gbs, costs[kPcie]->bandwidth_gbs) << "the second package's";
  EXPECT_GT(costs[kPcieHost]->latency_us, costs[kPcieSwitch]->latency_us);
  nvml->gpus[1].link_count = 0;
  EXPECT_FALSE(estimate_gpu_links(std::vector{found("server_4_gpus")})[kNvLink]) << "a link has two ends";
}

TEST(GpuViews, JsonTextAndDrawingShowThem) {
  FakeLibrary nvml;
  eight_at_switches(nvml);
  const Topology t = cluster_of(found("server_8_gpus"), 1, 8, {});
  const nlohmann::json json = nlohmann::json::parse(to_json(t));
  const auto& gpu = json["nodes"][0]["gpus"][4];
  EXPECT_EQ(gpu["product"], "NVIDIA H200");
  EXPECT_EQ(gpu["pci"], "0000:94:00.0");
  EXPECT_EQ(gpu["bridges"], (std::vector<std::string>{"0000:90:00.0", "0000:90:01.0"}));
  EXPECT_EQ(gpu["pci_switch"], "0000:90:01.0");
  EXPECT_EQ(gpu["pcie_bytes_per_s"], 63'015'384'615u);
  EXPECT_EQ(gpu["nvlinks"][0]["to"], "switch");
  EXPECT_EQ(gpu["nvlinks"][0]["bytes_per_s"], 478'116'000'000u);
  EXPECT_EQ(gpu["nearest_nic"], "mlx5_4");
  EXPECT_EQ(json["nodes"][0]["nics"][4]["pci"], "0000:92:00.0");
  EXPECT_EQ(json["links"]["nvlink"]["bandwidth_gbs"], 449.992);
  EXPECT_NE(to_text(t).find("link pcie: 1 us, 57.6141 GB/s\nlink nvlink: 0.7 us, 449.992 GB/s\n"), std::string::npos)
      << to_text(t);
  const std::string svg = to_svg(t);
  for (const char* part :
       {">PCI switch 0000:90:01.0<", ">GPU 94:00.0 PCIe 63.0154 GB/s<", ">NVLink switches: 8 GPUs, 478.116 GB/s each<",
        "two GPUs by NVLink: 0.7 us, 449.992 GB/s", "nearest NIC mlx5_4</title>"}) {
    EXPECT_NE(svg.find(part), std::string::npos) << part;
  }
}

TEST(GpuViews, DirectLinksAreDrawnOncePerPair) {
  FakeLibrary nvml;
  four_joined_directly(nvml);
  const std::string svg = to_svg(cluster_of(found("server_4_gpus"), 1, 4, {}));
  size_t pairs = 0;
  for (size_t at = 0; (at = svg.find("<title>NVLink ", at)) != std::string::npos; ++at) ++pairs;
  EXPECT_EQ(pairs, 6u);
  EXPECT_NE(svg.find(">NVLink 13:00.0 - 92:00.0, 100 GB/s<"), std::string::npos);
}

}  // namespace
}  // namespace coll::topo
