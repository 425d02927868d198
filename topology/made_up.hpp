// A cluster that is made up of one described node, to plan for machines that are not here.
#pragma once

#include <vector>

#include "topology/topology.hpp"
#include "topology/tuning.hpp"

namespace coll::topo {

// How a launcher binds that many ranks: each to its share of the cores, in their order; to none where they outnumber
// the cores.
std::vector<PuSet> bind_ranks(const Node& node, int ranks);

enum class Machines { kOneEach, kOneForAll };

// `nodes` nodes like `node` with consecutive ranks that are bound so: each a machine, or containers of one, whose cores
// they share.
Topology cluster_of(const Node& node, int nodes, int ranks_per_node, const Tuning& tuning,
                    Machines machines = Machines::kOneEach);

}  // namespace coll::topo
