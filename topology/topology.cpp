#include "topology/topology.hpp"

#include <algorithm>
#include <bit>

#include "base/status.hpp"
#include "topology/links.hpp"

namespace coll::topo {

int count(const PuSet& pus) {
  int all = 0;
  for (const uint64_t word : pus) all += std::popcount(word);
  return all;
}

bool Topology::oversubscribed() const {
  return std::any_of(machines.begin(), machines.end(),
                     [](const Machine& machine) { return machine.ranks > machine.pus; });
}

Topology synthetic(const std::vector<int>& ranks_per_node) {
  Topology topology;
  for (const int ranks : ranks_per_node) {
    Node node;
    node.host = text("node", topology.nodes.size());
    node.packages = node.numa_nodes = 1;
    node.cores = node.pus = node.system_pus = ranks;
    node.machine = static_cast<int>(topology.nodes.size());
    for (int local = 0; local < ranks; ++local) {
      node.ranks.push_back(topology.nranks++);
      topology.node_of.push_back(node.machine);
      topology.local_of.push_back(local);
    }
    topology.machines.push_back({ranks, ranks, ranks});
    topology.nodes.push_back(std::move(node));
  }
  topology.links = estimate_links(topology.nodes, false);
  return topology;
}

}  // namespace coll::topo
