// The topology for people and for programs.
#pragma once

#include <string>

#include "topology/topology.hpp"

namespace coll::topo {

// One line: "gpu7: 2 packages, 64 cores, 128 PUs, ...".
std::string summary(const Node& node);

// A few lines per node, its ranks and devices indented.
std::string to_text(const Topology& topology);

std::string to_json(const Node& node);
std::string to_json(const Topology& topology);

}  // namespace coll::topo
