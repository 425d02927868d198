// The groups that hierarchical plans work in, and who in each deals with which shard.
//
// Level 0 are the ranks, the top level is all of them together. Between are the groups that the topology tells of, each
// inside one of the next level: NUMA nodes, packages, nodes, the nodes below a switch. Levels that would put the same
// ranks together are one.
//
// Rank q owns shard q. In every group one rank, the shard's carrier, deals with it for the group; it is the carrier of
// one of the groups inside as well. In groups that hold the owner, that is the owner. In the others it is whoever
// stands where the owner stands in its own group, modulo the group's size, level by level. So even groups carry equally
// much, and uneven ones need nothing special.
#pragma once

#include <vector>

#include "topology/topology.hpp"

namespace coll {

// Which of the levels that a topology has are used: nodes alone, also their parts, also switches.
enum class Grouping { kNodes, kInNodes, kAll };

class Levels {
 public:
  Levels(const topo::Topology& topology, Grouping grouping);

  int top() const { return static_cast<int>(levels_.size()) - 1; }
  // Levels up to this one are inside nodes; 0 where no two ranks share one.
  int in_node() const { return in_node_; }
  int group_of(int level, int rank) const { return at(level).group_of[static_cast<size_t>(rank)]; }
  // The groups of the level below that a group is made of; on level 1 ranks.
  const std::vector<int>& members(int level, int group) const { return at(level).members[static_cast<size_t>(group)]; }
  int carrier(int level, int group, int shard) const;
  // The highest level on which this rank is the shard's carrier; the top for its owner alone.
  int height(int rank, int shard) const;
  // The lowest level on which two ranks are in one group.
  int common(int a, int b) const;

 private:
  struct Level {
    std::vector<int> group_of;  // by rank
    std::vector<int> place_of;  // by group: its place among the members of its group on the next level
    std::vector<std::vector<int>> members;
  };
  const Level& at(int level) const { return levels_[static_cast<size_t>(level)]; }
  void add(std::vector<int> group_of, int groups);
  void link(Level* below, Level* above) const;

  std::vector<Level> levels_;
  int in_node_ = 0;
};

// Some node has more than one rank and there is more than one node.
bool has_levels(const topo::Topology& topology);
// There are others than those of nodes.
bool has_more_levels(const topo::Topology& topology, Grouping grouping);

}  // namespace coll
