// The XML that is read again, the drawing, and the files that views are written to.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <utility>
#include <vector>

#include "tests/support/directory.hpp"
#include "topology/machine_file.hpp"
#include "topology/made_up.hpp"
#include "topology/views.hpp"

namespace coll::topo {
namespace {

Node recorded(const std::string& machine) {
  Node node;
  std::string warning;
  const Status status = read_machine_file(text(COLL_TOPOLOGIES, "/", machine, ".xml"), &node, &warning);
  EXPECT_TRUE(status.ok()) << status.message();
  return node;
}

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Xml, ReadAgainIsTheSameNode) {
  const test::Directory folder;
  const std::string path = folder.path() / "node.xml";
  for (const char* machine :
       {"server_8_numa", "server_8_gpus", "laptop", "vm_without_pci", "two_sockets_gpus_made_up"}) {
    Topology t = cluster_of(recorded(machine), 1, 4, {});
    t.nodes[0].ranks.clear();
    t.nodes[0].host = "a<\"&>b";
    ASSERT_TRUE(write_view(t, 0, path).ok());
    Node back;
    std::string warning;
    const Status status = read_machine_file(path, &back, &warning);
    ASSERT_TRUE(status.ok()) << machine << ": " << status.message();
    back.pus = t.nodes[0].pus;  // what ranks may use is theirs to tell
    EXPECT_EQ(to_json(back), to_json(t.nodes[0])) << machine;
  }
}

// No box or text may reach beyond the page, however many cores, ranks and devices there are.
void expect_inside(const std::string& svg) {
  std::smatch page;
  ASSERT_TRUE(std::regex_search(svg, page, std::regex("<svg [^>]*width=\"([0-9.]+)\" height=\"([0-9.]+)\"")));
  const double width = std::stod(page[1]), height = std::stod(page[2]);
  const std::regex box("<rect x=\"([-0-9.]+)\" y=\"([-0-9.]+)\" width=\"([-0-9.]+)\" height=\"([-0-9.]+)\"");
  for (std::sregex_iterator at(svg.begin(), svg.end(), box), end; at != end; ++at) {
    EXPECT_GE(std::stod((*at)[1]), 0);
    EXPECT_GT(std::stod((*at)[3]), 0);
    EXPECT_GT(std::stod((*at)[4]), 0);
    EXPECT_LE(std::stod((*at)[1]) + std::stod((*at)[3]), width + 0.2);
    EXPECT_LE(std::stod((*at)[2]) + std::stod((*at)[4]), height + 0.2);
  }
  const std::regex words("<text x=\"([-0-9.]+)\"[^>]*font-size=\"([0-9.]+)\"( fill[^>]*)>([^<]*)<");
  for (std::sregex_iterator at(svg.begin(), svg.end(), words), end; at != end; ++at) {
    EXPECT_LE(std::stod((*at)[1]) + 0.602 * std::stod((*at)[2]) * static_cast<double>((*at)[4].length() - 2), width)
        << (*at)[4];
  }
}

TEST(Svg, ShowsRanksDevicesAndLinksInsideThePage) {
  for (const char* machine : {"server_8_numa", "server_8_gpus", "laptop", "vm_without_pci"}) {
    for (const int ranks : {1, 4, 64}) {
      for (const int nodes : {1, 3}) expect_inside(to_svg(cluster_of(recorded(machine), nodes, ranks, {})));
    }
  }
  const std::string svg = to_svg(cluster_of(recorded("server_8_gpus"), 3, 32, {}));
  for (const char* part : {"96 ranks on 3 nodes", "nodes 0-2, alike", ">r31<", "mlx5_7 400 Gbit/s", "GPU 14:00.0",
                           "47.8203 GB/s", "package 1", "NUMA node 1"}) {
    EXPECT_NE(svg.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(svg.find(">r32<"), std::string::npos) << "nodes that are alike are drawn once";
}

// Consecutive ranks of a node on each of its first `gpus` GPUs, as many on one as on the other.
Topology on_gpus(int nodes, int ranks_per_node, int gpus) {
  Topology t = cluster_of(recorded("server_8_gpus"), nodes, ranks_per_node, {});
  for (const int local : t.local_of) t.gpu_of.push_back(local * gpus / ranks_per_node);
  return t;
}

void expect_parts(const std::string& svg, const std::vector<std::string>& parts) {
  expect_inside(svg);
  for (const std::string& part : parts) EXPECT_NE(svg.find(part), std::string::npos) << part;
}

TEST(Svg, GpusNameTheRanksOnThem) {
  expect_parts(to_svg(on_gpus(1, 4, 1)), {">GPU 14:00.0: ranks 0-3<", ">GPU 24:00.0<", ", ranks 0-3</title>"});
  expect_parts(to_svg(on_gpus(1, 2, 2)), {">GPU 14:00.0: rank 0<", ">GPU 24:00.0: rank 1<", ">GPU 34:00.0<"});
  expect_parts(to_svg(on_gpus(1, 8, 8)), {">GPU 14:00.0: rank 0<", ">GPU 94:00.0: rank 4<", ">GPU c4:00.0: rank 7<"});
  Topology in_turn = on_gpus(1, 128, 8);
  for (size_t rank = 0; rank < 128; ++rank) in_turn.gpu_of[rank] = static_cast<int>(rank % 8);
  expect_parts(to_svg(in_turn), {">GPU c4:00.0: ranks 7, 15, 23, ", " 111, 119, 127</title>"});
  Topology with_rates = on_gpus(1, 8, 4);
  for (Gpu& gpu : with_rates.nodes[0].gpus) gpu.facts.pcie_bytes_per_s = 63'000'000'000;
  expect_parts(to_svg(with_rates), {">GPU 44:00.0: ranks 6-7, PCIe 63 GB/s<", ">GPU 94:00.0 PCIe 63 GB/s<"});
}

TEST(Svg, NodesAreAlikeOnlyWithTheirRanksOnTheSameGpus) {
  Topology t = on_gpus(2, 2, 2);
  expect_parts(to_svg(t), {"nodes 0-1, alike", ">GPU 24:00.0: rank 1<"});
  EXPECT_EQ(to_svg(t).find(": rank 2<"), std::string::npos) << "the second node is not drawn";
  std::swap(t.gpu_of[2], t.gpu_of[3]);
  expect_parts(to_svg(t), {">GPU 24:00.0: rank 1<", ">GPU 24:00.0: rank 2<", ">GPU 14:00.0: rank 3<"});
}

TEST(Svg, RanksOnNoGpuChangeNothing) {
  Topology t = on_gpus(3, 8, 8);
  t.gpu_of.assign(t.gpu_of.size(), -1);
  const std::string nowhere = to_svg(t);
  t.gpu_of.clear();
  EXPECT_EQ(nowhere, to_svg(t));
}

TEST(Svg, LongNamesAndLargeMachinesFit) {
  Node node = recorded("server_8_gpus");
  node.host = std::string(500, 'h') + "<&";
  node.nics.assign(60, {std::string(400, 'n'), 100, 0, false});
  node.domains.assign(1, {0, 0, 0, {{0, 512, 1, 2, 512}}});
  expect_inside(to_svg(cluster_of(node, 2, 512, {})));
  expect_inside(to_svg(synthetic({1000, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14})));
}

TEST(ViewFile, TheEndingSaysWhich) {
  const test::Directory folder;
  const Topology t = cluster_of(recorded("laptop"), 2, 2, {});
  const auto written = [&](const std::string& name) {
    const std::string path = folder.path() / name;
    const Status status = write_view(t, 1, path);
    EXPECT_TRUE(status.ok()) << status.message();
    return content_of(path);
  };
  EXPECT_EQ(written("a.txt"), to_text(t));
  EXPECT_EQ(written("a.json"), to_json(t) + "\n");
  EXPECT_EQ(written("a.xml"), to_xml(t, 1));
  EXPECT_EQ(written("a.svg"), to_svg(t));
  EXPECT_NE(to_xml(t, 1).find("name=\"rank 3\""), std::string::npos);
  const Status other = write_view(t, 0, folder.path() / "a.png");
  EXPECT_EQ(other.code(), collInvalidArgument);
  EXPECT_NE(other.message().find(".svg"), std::string::npos) << other.message();
  EXPECT_EQ(write_view(t, 0, folder.path() / "no" / "a.txt").code(), collSystemError);
}

}  // namespace
}  // namespace coll::topo
