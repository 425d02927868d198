// Recorded machines: what is read from hwloc's XML, and what is said of files that cannot be used.
#include "topology/machine_file.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "tests/support/directory.hpp"
#include "topology/place.hpp"
#include "topology/views.hpp"

namespace coll::topo {
namespace {

std::string path_of(const std::string& machine) { return std::string(COLL_TOPOLOGIES) + "/" + machine + ".xml"; }

Node recorded(const std::string& machine) {
  Node node;
  std::string warning;
  const Status status = read_machine_file(path_of(machine), &node, &warning);
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(warning.empty(), machine != "vm_without_pci") << warning;
  return node;
}

std::vector<std::string> lists(const std::vector<PuSet>& cores) {
  std::vector<std::string> all;
  for (const PuSet& core : cores) all.push_back(list_text(core));
  return all;
}

TEST(MachineFile, ServerOfEightNumaNodes) {
  const Node node = recorded("server_8_numa");
  EXPECT_EQ(node.host, "numa8");
  EXPECT_EQ(node.packages, 2);
  EXPECT_EQ(node.numa_nodes, 8);
  EXPECT_EQ(node.cores, 64);
  EXPECT_EQ(node.pus, 64);
  EXPECT_EQ(node.l3_bytes, 32u << 20);
  EXPECT_EQ(node.memory_bytes, size_t{256} << 30);
  ASSERT_EQ(node.domains.size(), 8u);
  for (int i = 0; i < 8; ++i) {
    const Domain& domain = node.domains[static_cast<size_t>(i)];
    EXPECT_EQ(domain.numa, i);
    EXPECT_EQ(domain.package, i / 4);
    EXPECT_EQ(domain.memory_bytes, size_t{32} << 30);
    EXPECT_EQ(list_text(domain.pus()), text(8 * i, "-", 8 * i + 7));
    EXPECT_EQ(domain.runs.size(), 1u) << "evenly numbered";
  }
  ASSERT_EQ(node.nics.size(), 2u);
  EXPECT_EQ(describe(node.nics[1]), "NIC ens2f0, 100 Gbit/s, NUMA node 5") << "it hangs off a part of the package";
  EXPECT_TRUE(node.gpus.empty()) << "a management chip does not count";
}

TEST(MachineFile, ServerOfEightGpus) {
  const Node node = recorded("server_8_gpus");
  EXPECT_EQ(node.cores, 32);
  EXPECT_EQ(node.pus, 64);
  ASSERT_EQ(node.domains.size(), 2u);
  EXPECT_EQ(list_text(node.domains[1].pus()), "16-31,48-63");
  EXPECT_EQ(lists(node.domains[1].core_pus())[1], "17,49") << "a core's threads are numbered apart";
  ASSERT_EQ(node.nics.size(), 9u);
  EXPECT_EQ(node.nics[8].name, "eno1") << "adapters come first";
  ASSERT_EQ(node.gpus.size(), 8u);
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(node.nics[i].name, text("mlx5_", i));
    EXPECT_TRUE(node.nics[i].fabric);
    EXPECT_EQ(node.nics[i].gbits, 400);
    EXPECT_EQ(node.nics[i].numa, static_cast<int>(i / 4));
    EXPECT_EQ(node.gpus[i].numa, static_cast<int>(i / 4));
  }
}

TEST(MachineFile, LaptopWithTwoKindsOfCores) {
  const Node node = recorded("laptop");
  EXPECT_EQ(node.packages, 1);
  EXPECT_EQ(node.cores, 12);
  EXPECT_EQ(node.pus, 16);
  ASSERT_EQ(node.domains.size(), 1u);
  EXPECT_EQ(lists(node.domains[0].core_pus()),
            (std::vector<std::string>{"0-1", "2-3", "4-5", "6-7", "8", "9", "10", "11", "12", "13", "14", "15"}));
  ASSERT_EQ(node.nics.size(), 1u);
  EXPECT_EQ(node.nics[0].gbits, 0) << "a wireless link has no fixed rate";
  EXPECT_EQ(node.gpus.size(), 1u);
}

TEST(MachineFile, VirtualMachineWhoseCoresAreAllPackages) {
  const Node node = recorded("vm_without_pci");
  EXPECT_EQ(node.packages, 4);
  EXPECT_EQ(node.numa_nodes, 1);
  ASSERT_EQ(node.domains.size(), 4u);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(node.domains[static_cast<size_t>(i)].package, i);
    EXPECT_EQ(node.domains[static_cast<size_t>(i)].numa, 0);
    EXPECT_EQ(node.domains[static_cast<size_t>(i)].memory_bytes, i == 0 ? size_t{8} << 30 : 0) << "counted once";
  }
  EXPECT_TRUE(node.nics.empty());
}

TEST(MachineFile, RanksAreWhereTheirThreadsAre) {
  Topology t = synthetic({5});
  t.nodes[0].domains = recorded("server_8_gpus").domains;
  t.bound = {parse_pus("17,49"), parse_pus("16"), parse_pus("0-3"), parse_pus("15-16"), {}};
  find_spots(&t);
  const auto expect = [&](int rank, int package, int domain, int core) {
    const Spot spot = t.spot_of(rank);
    EXPECT_EQ(spot.package, package) << rank;
    EXPECT_EQ(spot.domain, domain) << rank;
    EXPECT_EQ(spot.core, core) << rank;
  };
  expect(0, 1, 1, 1);
  expect(1, 1, 1, 0);
  expect(2, 0, 0, -1);
  expect(3, -1, -1, -1);
  expect(4, -1, -1, -1);
  EXPECT_NE(to_text(t).find("package 1, NUMA node 1: 16 cores, PUs 16-31,48-63, 1 TiB, ranks 0-1\n"), std::string::npos)
      << to_text(t);
}

class BadFiles : public testing::Test {
 protected:
  std::string file(const std::string& content) const {
    const std::string path = folder_.path() / "machine.xml";
    std::ofstream(path) << content;
    return path;
  }
  // Every refusal names variable and file and says what to do.
  static void expect_refused(const std::string& path, const std::string& words) {
    Node node;
    std::string warning;
    const Status status = find_node(path, &node, &warning);
    EXPECT_EQ(status.code(), collInvalidArgument) << path;
    for (const std::string& part : {"COLL_TOPO_FILE=" + path, words, std::string("coll_info --xml FILE"),
                                    std::string("lstopo"), std::string("unset COLL_TOPO_FILE")}) {
      EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
    }
  }

  test::Directory folder_;
};

TEST_F(BadFiles, AreRefusedWithAdvice) {
  expect_refused(folder_.path() / "none.xml", "No such file");
  expect_refused(folder_.path(), "not a file");
  expect_refused(file(""), "empty");
  expect_refused(file(" \n"), "empty");
  expect_refused(file("{\"nranks\":1}"), "not XML");
  expect_refused(file("<?xml version=\"1.0\"?>\n<html></html>\n"), "not a topology");
  expect_refused(file("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n"
                      "<topology version=\"9.0\">\n</topology>\n"),
                 "damaged, or of a newer hwloc");
}

TEST_F(BadFiles, CutAnywhereTheyAreRefused) {
  std::ifstream whole(path_of("laptop"));
  const std::string content{std::istreambuf_iterator<char>(whole), {}};
  const size_t end = content.rfind("</topology>");
  for (size_t length = 1; length < end + 10; length += 37) expect_refused(file(content.substr(0, length)), ": it ");
  expect_refused(file(content.substr(0, end)), "ends in the middle");
}

// A rank on those hardware threads, of a machine that the file describes.
Status fits(const Node& node, const std::vector<std::string>& bound) {
  std::vector<RankCard> cards;
  std::vector<int> ranks;
  for (const std::string& list : bound) {
    ranks.push_back(static_cast<int>(cards.size()));
    cards.push_back({{}, {}, parse_pus(list)});
  }
  return check_fit("file.xml", node, ranks, cards);
}

TEST(MachineFile, AnotherMachinesIsNoticedWhereRanksAreBound) {
  const Node node = recorded("vm_without_pci");
  EXPECT_TRUE(fits(node, {"0", "1", "2", "3"}).ok());
  EXPECT_TRUE(fits(node, {"0-63", "0-63"}).ok()) << "not bound";
  EXPECT_TRUE(fits(node, {""}).ok()) << "not known";
  const Status status = fits(node, {"0-1", "2-3", "4-5"});
  EXPECT_EQ(status.code(), collInvalidArgument);
  for (const char* part : {"COLL_TOPO_FILE=file.xml", "hardware threads 0-3", "rank 2 is bound to 4-5",
                           "another machine's", "coll_info --xml", "unset"}) {
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
  }
}

TEST(MachineFile, IsReadInPlaceOfDiscovery) {
  Node node;
  std::string warning;
  ASSERT_TRUE(find_node(path_of("server_8_gpus"), &node, &warning).ok());
  EXPECT_EQ(node.cores, 32);
  EXPECT_EQ(node.nics.size(), 9u);
  EXPECT_NE(node.host, "gpu8") << "messages speak of the host that there is";
  ASSERT_TRUE(find_node("", &node, &warning).ok());
  EXPECT_GE(node.cores, 1);
}

TEST(Pus, AreListedAsTheyAreParsed) {
  for (const char* list : {"", "0", "0-3,8", "5,7,9-1023", "62-65"}) EXPECT_EQ(list_text(parse_pus(list)), list);
}

}  // namespace
}  // namespace coll::topo
