// Discovery on machines that were recorded or made up, and on this one.
#include "topology/discover.hpp"

#include <gtest/gtest.h>
#include <hwloc.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

namespace coll::topo {
namespace {

namespace fs = std::filesystem;

using Loaded = std::unique_ptr<hwloc_topology, decltype(&hwloc_topology_destroy)>;

template <typename Set>
Loaded load(const Set& set) {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return {nullptr, hwloc_topology_destroy};
  Loaded machine(raw, hwloc_topology_destroy);
  EXPECT_EQ(set(raw), 0);
  hwloc_topology_set_io_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
  EXPECT_EQ(hwloc_topology_load(raw), 0);
  return machine;
}

Loaded recorded(const std::string& file) {
  const std::string path = std::string(COLL_TOPOLOGIES) + "/" + file;
  return load([&](hwloc_topology_t raw) { return hwloc_topology_set_xml(raw, path.c_str()); });
}

Loaded made_of(const char* description) {
  return load([&](hwloc_topology_t raw) { return hwloc_topology_set_synthetic(raw, description); });
}

Interface device(const std::string& name, const std::string& bus, double gbits) {
  return {name, "driver", bus, gbits, true, false, false};
}
Interface virtual_one(const std::string& name, const std::string& driver) {
  return {name, driver, "", 10, true, false, false};
}

std::vector<std::string> names(const std::vector<Interface>& interfaces) {
  std::vector<std::string> all;
  for (const Interface& one : interfaces) all.push_back(one.name);
  return all;
}

TEST(Discover, RecordedVirtualMachine) {
  const Loaded machine = recorded("vm_2_cores.xml");
  std::string warning;
  const Node node = discover_from(machine.get(), std::vector{device("eth0", "0000:00:03.0", 0)}, &warning);
  EXPECT_EQ(warning, "");
  EXPECT_EQ(node.packages, 1);
  EXPECT_EQ(node.numa_nodes, 1);
  EXPECT_EQ(node.cores, 2);
  EXPECT_EQ(node.pus, 2);
  EXPECT_EQ(node.l2_bytes, 1u << 20);
  EXPECT_EQ(node.l3_bytes, 32u << 20);
  EXPECT_EQ(node.memory_bytes, 6000168960u);
  ASSERT_EQ(node.nics.size(), 1u);
  EXPECT_EQ(node.nics[0].name, "eth0");
  EXPECT_EQ(node.nics[0].numa, 0);
  EXPECT_TRUE(node.gpus.empty());
}

TEST(Discover, TwoSocketsWithAcceleratorsAndFabric) {
  const Loaded machine = recorded("two_sockets_gpus_made_up.xml");
  std::string warning;
  Interface fabric = device("mlx5_0", "0000:05:00.0", 400);
  fabric.fabric = true;
  const Node node = discover_from(machine.get(), std::vector{fabric, device("eno1", "0000:06:00.0", 10)}, &warning);
  EXPECT_EQ(warning, "");
  EXPECT_EQ(node.packages, 2);
  EXPECT_EQ(node.numa_nodes, 2);
  EXPECT_EQ(node.cores, 4);
  EXPECT_EQ(node.pus, 8);
  ASSERT_EQ(node.gpus.size(), 3u) << "the management board's VGA chip does not count";
  EXPECT_EQ(node.gpus[0].name, "pci 0000:04:00.0 10de:2330");
  EXPECT_EQ(node.gpus[0].numa, 0);
  EXPECT_EQ(node.gpus[2].numa, 1);
  ASSERT_EQ(node.nics.size(), 2u);
  EXPECT_EQ(node.nics[0].name, "mlx5_0");
  EXPECT_TRUE(node.nics[0].fabric);
  EXPECT_EQ(node.nics[0].gbits, 400);
  EXPECT_EQ(node.nics[1].name, "eno1");
  EXPECT_EQ(node.nics[1].gbits, 10);
  EXPECT_EQ(node.nics[1].numa, 0);
}

TEST(Discover, WithoutPciSaysSoOnceAndGoesOn) {
  const Loaded machine = made_of("pack:2 numa:1 l3:1 l2:2 core:1 pu:2");
  std::string warning;
  const Node node = discover_from(machine.get(), std::vector{virtual_one("veth1", "veth")}, &warning);
  EXPECT_EQ(warning,
            "the topology of the node is incomplete: no PCI devices are visible, so GPUs and the places of NICs are "
            "unknown");
  EXPECT_EQ(node.packages, 2);
  EXPECT_EQ(node.cores, 4);
  EXPECT_EQ(node.pus, 8);
  ASSERT_EQ(node.nics.size(), 1u);
  EXPECT_EQ(node.nics[0].numa, -1);
}

TEST(Discover, WithoutCoresEveryPuIsOne) {
  const Loaded machine = made_of("pu:6");
  std::string warning;
  const Node node = discover_from(machine.get(), {}, &warning);
  EXPECT_NE(warning.find("every one of the 6 PUs counts as a core"), std::string::npos) << warning;
  EXPECT_NE(warning.find("no PCI devices"), std::string::npos) << warning;
  EXPECT_EQ(warning.find('\n'), std::string::npos);
  EXPECT_EQ(node.packages, 1);
  EXPECT_EQ(node.cores, 6);
  EXPECT_EQ(node.pus, 6);
  EXPECT_EQ(node.l3_bytes, 0u);
}

TEST(Discover, ThisMachine) {
  std::string warning;
  const Node node = discover_node(&warning);
  EXPECT_FALSE(node.host.empty());
  EXPECT_GE(node.packages, 1);
  EXPECT_GE(node.cores, 1);
  EXPECT_GE(node.pus, 1);
}

TEST(Interfaces, DevicesComeBeforeVirtualOnes) {
  Interface down = device("eth1", "0000:01:00.0", 10);
  down.up = false;
  Interface lo = virtual_one("lo", "");
  lo.loopback = true;
  const std::vector<Interface> all = {lo, down, virtual_one("docker0", "bridge"), virtual_one("veth7", "veth"),
                                      device("eth0", "0000:02:00.0", 25)};
  EXPECT_EQ(names(usable_interfaces(all)), std::vector<std::string>{"eth0"});
}

TEST(Interfaces, AContainersVethIsTakenWhereThereIsNoDevice) {
  const std::vector<Interface> all = {virtual_one("br0", "bridge"), virtual_one("tun0", "tun"),
                                      virtual_one("d0", "dummy"), virtual_one("eth0", "veth")};
  EXPECT_EQ(names(usable_interfaces(all)), std::vector<std::string>{"eth0"});
}

TEST(Interfaces, FabricAdaptersAreReadFromTheKernelsFolder) {
  const fs::path folder = fs::temp_directory_path() / ("coll_fabrics." + std::to_string(getpid()));
  for (const auto& [name, state] : {std::pair("mlx5_1", "1: DOWN"), std::pair("mlx5_0", "4: ACTIVE")}) {
    fs::create_directories(folder / name / "ports" / "1");
    std::ofstream(folder / name / "ports" / "1" / "rate") << "200 Gb/sec (4X HDR)\n";
    std::ofstream(folder / name / "ports" / "1" / "state") << state << "\n";
    fs::create_directory_symlink("../0000:05:00.0", folder / name / "device");
  }
  const std::vector<Interface> fabrics = read_fabrics(folder.string());
  fs::remove_all(folder);
  ASSERT_EQ(names(fabrics), (std::vector<std::string>{"mlx5_0", "mlx5_1"}));
  EXPECT_EQ(names(usable_interfaces(fabrics)), std::vector<std::string>{"mlx5_0"});
  EXPECT_EQ(fabrics[0].gbits, 200);
  EXPECT_EQ(fabrics[0].bus, "0000:05:00.0");
  EXPECT_TRUE(fabrics[0].fabric);
  EXPECT_TRUE(read_fabrics(folder.string()).empty());
}

TEST(Interfaces, LoopbackOfThisMachineIsSeenAndNeverUsed) {
  const std::vector<Interface> all = read_interfaces();
  for (const Interface& one : usable_interfaces(all)) EXPECT_NE(one.name, "lo");
}

}  // namespace
}  // namespace coll::topo
