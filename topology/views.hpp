// The topology for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "base/status.hpp"
#include "topology/topology.hpp"

namespace coll::topo {

// One line: "gpu7: 2 packages, 64 cores, 128 PUs, ...".
std::string summary(const Node& node);
std::string describe(const Nic& nic);  // "NIC eth0, 25 Gbit/s, NUMA node 1"
// "GPU card1, NVIDIA H200, NUMA node 1, PCIe 63.0154 GB/s, NVLink 478.116 GB/s to switches, PCI switch 0000:10:01.0,
// nearest NIC mlx5_0": what is known of it.
std::string describe(const Node& node, const Gpu& gpu);

// A few lines per node, its ranks and devices indented.
std::string to_text(const Topology& topology);

std::string to_json(const Node& node);
std::string to_json(const Topology& topology);

// One node alone, as hwloc's XML: read again as COLL_TOPO_FILE it gives the same node. Its ranks are in it as what
// hwloc calls miscellaneous objects.
std::string to_xml(const Topology& topology, size_t node);

// A drawing: packages, NUMA nodes and cores as boxes, with devices and ranks in them. Nodes that are alike are drawn
// once.
std::string to_svg(const Topology& topology);

// Writes the view that the name's ending asks for, .txt, .json, .xml (of `node`) or .svg.
Status write_view(const Topology& topology, size_t node, const std::string& path);

Status write_file(const std::string& path, const std::string& content);

// The node's domains, or one with all its cores where nobody has told more.
std::vector<Domain> described_domains(const Node& node);

}  // namespace coll::topo
