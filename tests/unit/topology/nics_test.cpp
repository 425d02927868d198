// The network device of each rank: near its cores, in turn, and of a kind that every node has.
#include "topology/nics.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace coll::topo {

namespace {

// Two nodes of four ranks; each node has these devices.
Topology with_nics(const std::vector<Nic>& nics) {
  Topology topology = synthetic({4, 4});
  for (Node& node : topology.nodes) node.nics = nics;
  return topology;
}

std::vector<std::string> devices(const Topology& topology, const Locality& locality) {
  std::vector<std::string> all;
  for (const int rank : topology.nodes[1].ranks) all.push_back(near_device(topology, rank, locality));
  return all;
}

using Names = std::vector<std::string>;

TEST(NearDevice, RanksTakeTurns) {
  EXPECT_EQ(devices(with_nics({{"eth0"}, {"eth1"}, {"eth2"}}), {}), Names({"eth0", "eth1", "eth2", "eth0"}));
  EXPECT_EQ(devices(with_nics({}), {}), Names({"", "", "", ""}));
}

TEST(NearDevice, NearestOnesAlone) {
  const std::vector<Nic> nics = {{"eth0", 0, 0}, {"eth1", 0, 1}, {"eth2", 0, 2}, {"eth3", 0, 1}, {"eth4"}};
  EXPECT_EQ(devices(with_nics(nics), {1, {21, 10, 31}}), Names({"eth1", "eth3", "eth1", "eth3"}));
  EXPECT_EQ(devices(with_nics(nics), {3, {21, 30, 15, 10}}), Names({"eth2", "eth2", "eth2", "eth2"}));
  EXPECT_EQ(devices(with_nics(nics), {1, {}}), Names({"eth1", "eth3", "eth1", "eth3"}));
  EXPECT_EQ(devices(with_nics(nics), {-1, {}}), Names({"eth0", "eth1", "eth2", "eth3"}));
}

TEST(NearDevice, FabricWhereEveryNodeHasOne) {
  Topology topology = with_nics({{"mlx5_0", 100, -1, true}, {"eth0"}});
  EXPECT_EQ(near_device(topology, 5, {}), "mlx5_0:1");
  topology.nodes[0].nics = {{"eth0"}};
  EXPECT_EQ(near_device(topology, 5, {}), "eth0");
}

// Folders like the kernel's, made up for whatever processors this test may use.
class Folders : public testing::Test {
 protected:
  Folders() { std::filesystem::create_directories(root_); }
  ~Folders() override { std::filesystem::remove_all(root_); }
  void node(int number, const std::string& cpulist, const std::string& distance) {
    const auto folder = root_ / ("node" + std::to_string(number));
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "cpulist") << cpulist << "\n";
    std::ofstream(folder / "distance") << distance << "\n";
  }
  std::filesystem::path root_ = std::filesystem::temp_directory_path() / ("nics_test." + std::to_string(::getpid()));
};

TEST_F(Folders, TheNodeThatHoldsAllOwnProcessors) {
  node(0, "", "10 20");
  node(1, "0-1023", "20 10");
  const Locality locality = own_locality(root_);
  EXPECT_EQ(locality.numa, 1);
  EXPECT_EQ(locality.distances, std::vector<int>({20, 10}));
}

TEST_F(Folders, UnknownWhereNoNodeHoldsThemAll) {
  EXPECT_EQ(own_locality(root_).numa, -1);
  node(0, "1023", "10 20");
  EXPECT_EQ(own_locality(root_).numa, -1);
}

}  // namespace

}  // namespace coll::topo
