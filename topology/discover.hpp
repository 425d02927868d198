// Discovery of the node this process runs on.
#pragma once

#include <span>
#include <string>

#include "topology/interfaces.hpp"
#include "topology/topology.hpp"

struct hwloc_topology;

namespace coll::topo {

// Never fails: what cannot be found out is left out, and `*warning` says in one sentence what that was ("" if nothing).
// Takes about 12 ms, most of it PCI, so that one rank of a node does it for all.
Node discover_node(std::string* warning);

// The same from a loaded hwloc topology, for machines that were recorded or made up. Reads nothing of this machine.
Node discover_from(hwloc_topology* machine, std::span<const Interface> interfaces, std::string* warning);

}  // namespace coll::topo
