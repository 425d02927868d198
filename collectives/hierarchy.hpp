// What a ring of nodes goes by: who on a node carries which shard to the other nodes.
//
// Rank q owns shard q. On every node one rank, the shard's carrier, deals with it for the node: the one whose local
// index is the owner's, modulo the node's ranks. So the owner carries its shard on its own node, even nodes have one
// carried shard per node and rank, and uneven nodes need nothing special.
#pragma once

#include <vector>

#include "collectives/build.hpp"

namespace coll {

class Hierarchy {
 public:
  Hierarchy(const topo::Topology& topology, int rank);

  int nodes() const { return static_cast<int>(topology_.nodes.size()); }
  int node() const { return node_; }
  // Ranks of the node `distance` nodes after this one; the nodes form a ring.
  const std::vector<int>& ranks_at(int distance) const;
  const std::vector<int>& local() const { return ranks_at(0); }
  int local_index() const { return local_index_; }
  // The carrier of a shard on the node `distance` nodes after this one.
  int carrier_at(int distance, int shard) const;
  // How many nodes this one is after the shard's home, 0 to nodes()-1.
  int distance_from_home(int shard) const;

  // Shards of other nodes that this rank carries, nearest home first.
  const std::vector<int>& carried() const { return carried_; }
  int carried_at(int distance) const;  // how many of them have their home `distance` nodes before this one
  // Shards that others carry on this node, and their carriers, in the same order: the node's own first, then as above.
  const std::vector<int>& passed() const { return passed_; }
  const std::vector<int>& passed_via() const { return passed_via_; }

 private:
  const topo::Topology& topology_;
  int node_;
  int local_index_;
  std::vector<int> carried_;
  std::vector<int> passed_;
  std::vector<int> passed_via_;
};

}  // namespace coll
