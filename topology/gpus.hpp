// GPUs: those that hwloc sees, what NVML knows of them, and what is near them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "topology/topology.hpp"

struct hwloc_topology;
struct hwloc_obj;

namespace coll::topo {

// Devices that compute, by their PCI class, and those that libcoll has written into a file.
std::vector<Gpu> gpus_of(hwloc_topology* machine);

// Adds what the library tells of those GPUs, and to `missing` what it could not. It is not opened where none of the
// machine's PCI devices is a GPU of NVIDIA's.
void add_nvml_facts(hwloc_topology* machine, const std::string& library, std::vector<Gpu>* gpus,
                    std::vector<std::string>* missing);

// The way to a device in the tree of PCI bridges: hwloc's, or what libcoll has written into a file. Empty for none.
PciPath path_of(hwloc_obj* device);

// The network device with the longest common way in the PCI tree, else the first on the same NUMA node; null where
// neither is known.
const Nic* nearest_nic(const Node& node, const Gpu& gpu);

// The lowest bridge above a device that another GPU or network device is below, too: the switch that joins them.
std::optional<PciAddress> switch_of(const Node& node, const PciPath& path);

// "0000:15:00.0=50000000000,switch=450000000000": peers and bytes/s, as they are written into files.
std::string nvlinks_text(const std::vector<NvLinkPeer>& peers);
// What is no such entry is left out.
std::vector<NvLinkPeer> parse_nvlinks(std::string_view text);
inline constexpr const char* kNvSwitch = "switch";  // what they name in place of an address

}  // namespace coll::topo
