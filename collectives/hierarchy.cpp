#include "collectives/hierarchy.hpp"

#include <algorithm>

namespace coll {

Hierarchy::Hierarchy(const topo::Topology& topology, int rank)
    : topology_(topology),
      node_(topology.node_of[static_cast<size_t>(rank)]),
      local_index_(topology.local_of[static_cast<size_t>(rank)]) {
  const auto expected = static_cast<size_t>(topology.nranks);
  passed_.reserve(expected);
  passed_via_.reserve(expected);
  const auto& carriers = local();
  for (int distance = 0; distance < nodes(); ++distance) {
    size_t index = 0;  // of the carrier: the shard's owner's on its own node, modulo this node's ranks
    for (const int shard : ranks_at(-distance)) {
      if (index != static_cast<size_t>(local_index_)) {
        passed_.push_back(shard);
        passed_via_.push_back(carriers[index]);
      } else if (distance > 0) {
        carried_.push_back(shard);
      }
      if (++index == carriers.size()) index = 0;
    }
  }
}

const std::vector<int>& Hierarchy::ranks_at(int distance) const {
  return topology_.nodes[static_cast<size_t>((node_ + distance + nodes()) % nodes())].ranks;
}

int Hierarchy::carrier_at(int distance, int shard) const {
  const auto& ranks = ranks_at(distance);
  return ranks[static_cast<size_t>(topology_.local_of[static_cast<size_t>(shard)]) % ranks.size()];
}

int Hierarchy::distance_from_home(int shard) const {
  return (node_ - topology_.node_of[static_cast<size_t>(shard)] + nodes()) % nodes();
}

int Hierarchy::carried_at(int distance) const {
  return static_cast<int>(std::count_if(carried_.begin(), carried_.end(),
                                        [&](int shard) { return distance_from_home(shard) == distance; }));
}

}  // namespace coll
