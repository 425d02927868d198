#include "topology/topology.hpp"

#include <algorithm>
#include <bit>
#include <map>

#include "base/status.hpp"
#include "topology/links.hpp"

namespace coll::topo {

int count(const PuSet& pus) {
  int all = 0;
  for (const uint64_t word : pus) all += std::popcount(word);
  return all;
}

bool contains(const PuSet& all, const PuSet& some) {
  for (size_t i = 0; i < all.size(); ++i) {
    if ((some[i] & ~all[i]) != 0) return false;
  }
  return true;
}

int Domain::cores() const {
  int all = 0;
  for (const CoreRun& run : runs) all += run.cores;
  return all;
}

std::vector<PuSet> Domain::core_pus() const {
  std::vector<PuSet> all;
  for (const CoreRun& run : runs) {
    for (int core = 0; core < run.cores; ++core) {
      PuSet& pus = all.emplace_back();
      for (int thread = 0; thread < run.threads; ++thread) {
        topo::add(&pus, run.first + core * run.step + thread * run.stride);
      }
    }
  }
  return all;
}

PuSet Domain::pus() const {
  PuSet all{};
  for (const PuSet& core : core_pus()) {
    for (size_t i = 0; i < all.size(); ++i) all[i] |= core[i];
  }
  return all;
}

Spot spot_of(const Topology& topology, int rank) {
  Spot spot;
  if (topology.bound.empty()) return spot;
  const PuSet& bound = topology.bound[static_cast<size_t>(rank)];
  if (count(bound) == 0) return spot;
  const auto& domains = topology.nodes[static_cast<size_t>(topology.node_of[static_cast<size_t>(rank)])].domains;
  std::map<int, PuSet> packages;
  for (size_t i = 0; i < domains.size(); ++i) {
    const PuSet pus = domains[i].pus();
    for (size_t word = 0; word < pus.size(); ++word) packages[domains[i].package][word] |= pus[word];
    if (!contains(pus, bound)) continue;
    spot.domain = static_cast<int>(i);
    const std::vector<PuSet> cores = domains[i].core_pus();
    const auto core = std::find_if(cores.begin(), cores.end(), [&](const PuSet& one) { return contains(one, bound); });
    if (core != cores.end()) spot.core = static_cast<int>(core - cores.begin());
  }
  for (const auto& [package, pus] : packages) {
    if (contains(pus, bound)) spot.package = package;
  }
  return spot;
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
