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

namespace {

// A node's parts as sets of hardware threads, to look many ranks up in.
class Parts {
 public:
  explicit Parts(const std::vector<Domain>& domains) {
    for (const Domain& domain : domains) {
      const PuSet pus = domain.pus();
      for (size_t word = 0; word < pus.size(); ++word) packages_[domain.package][word] |= pus[word];
      domains_.push_back(pus);
      cores_.push_back(domain.core_pus());
    }
  }

  Spot find(const PuSet& bound) const {
    Spot spot;
    if (count(bound) == 0) return spot;
    const auto holds_it = [&](const PuSet& part) { return contains(part, bound); };
    for (const auto& [package, pus] : packages_) {
      if (holds_it(pus)) spot.package = package;
    }
    const auto domain = std::find_if(domains_.begin(), domains_.end(), holds_it);
    if (domain == domains_.end()) return spot;
    spot.domain = static_cast<int>(domain - domains_.begin());
    const std::vector<PuSet>& cores = cores_[static_cast<size_t>(spot.domain)];
    const auto core = std::find_if(cores.begin(), cores.end(), holds_it);
    if (core != cores.end()) spot.core = static_cast<int>(core - cores.begin());
    return spot;
  }

 private:
  std::map<int, PuSet> packages_;
  std::vector<PuSet> domains_;
  std::vector<std::vector<PuSet>> cores_;  // by domain
};

}  // namespace

void find_spots(Topology* topology) {
  topology->spots.assign(topology->bound.size(), Spot());
  if (topology->bound.empty()) return;
  for (const Node& node : topology->nodes) {
    const Parts parts(node.domains);
    for (const int rank : node.ranks) {
      const auto at = static_cast<size_t>(rank);
      topology->spots[at] = parts.find(topology->bound[at]);
    }
  }
}

bool Topology::has(LinkKind kind) const {
  if (kind != LinkKind::kNuma && kind != LinkKind::kPackage) return true;
  return std::any_of(nodes.begin(), nodes.end(), [kind](const Node& node) {
    return kind == LinkKind::kPackage ? node.packages > 1 : node.numa_nodes > std::max(node.packages, 1);
  });
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
