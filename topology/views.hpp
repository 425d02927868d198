// The topology for people and for programs.
#pragma once

#include <string>

#include "topology/topology.hpp"

namespace coll::topo {

// One line: "gpu7: 2 packages, 64 cores, 128 PUs, ...".
std::string summary(const Node& node);
std::string describe(const Nic& nic);  // "NIC eth0, 25 Gbit/s, NUMA node 1"
std::string describe(const Gpu& gpu);

// A few lines per node, its ranks and devices indented.
std::string to_text(const Topology& topology);

std::string to_json(const Node& node);
std::string to_json(const Topology& topology);

}  // namespace coll::topo
