#include "collectives/levels.hpp"

#include <cstdint>
#include <numeric>
#include <unordered_map>

namespace coll {

namespace {

// Ranks with equal keys are one group; groups are numbered in the order of their lowest rank.
template <typename KeyOf>
int group_by(int nranks, const KeyOf& key_of, std::vector<int>* group_of) {
  std::unordered_map<uint64_t, int> seen;
  group_of->resize(static_cast<size_t>(nranks));
  for (int rank = 0; rank < nranks; ++rank) {
    const int next = static_cast<int>(seen.size());
    (*group_of)[static_cast<size_t>(rank)] = seen.try_emplace(key_of(rank), next).first->second;
  }
  return static_cast<int>(seen.size());
}

// What tells a rank's group on a level apart. Inner groups have the outer ones' keys in theirs, so they nest.
uint64_t key_of(const topo::Topology& topology, int rank, int parts) {
  constexpr unsigned kBits = 16;  // more packages or NUMA nodes than a system can have
  const auto field = [](int index) { return static_cast<uint64_t>(index) + 1; };
  uint64_t key = field(topology.node_of[static_cast<size_t>(rank)]) << (2 * kBits);
  const topo::Spot spot = topology.spot_of(rank);
  if (parts > 1) key |= field(spot.package) << kBits;
  if (parts > 2) key |= field(spot.domain);
  return key;
}

}  // namespace

Levels::Levels(const topo::Topology& topology, Grouping grouping) {
  const int n = topology.nranks;
  std::vector<int> group_of(static_cast<size_t>(n));
  std::iota(group_of.begin(), group_of.end(), 0);
  add(std::move(group_of), n);
  for (int parts = grouping == Grouping::kNodes ? 1 : 3; parts >= 1; --parts) {
    const int groups = group_by(
        n, [&](int rank) { return key_of(topology, rank, parts); }, &group_of);
    add(std::move(group_of), groups);
  }
  in_node_ = top();
  if (grouping == Grouping::kAll) {
    const auto switch_of = [&](int rank) {
      return static_cast<uint64_t>(topology.switch_of(topology.node_of[static_cast<size_t>(rank)]).begin);
    };
    const int groups = group_by(n, switch_of, &group_of);
    add(std::move(group_of), groups);
  }
  add(std::vector<int>(static_cast<size_t>(n), 0), 1);
}

// A level above the others, unless it puts together nothing that they do not.
void Levels::add(std::vector<int> group_of, int groups) {
  if (!levels_.empty() && levels_.back().members.size() == static_cast<size_t>(groups)) return;
  Level& level = levels_.emplace_back();
  level.group_of = std::move(group_of);
  level.members.resize(static_cast<size_t>(groups));
  if (levels_.size() > 1) link(&levels_[levels_.size() - 2], &level);
}

void Levels::link(Level* below, Level* above) const {
  below->place_of.assign(below->members.size(), -1);
  for (size_t rank = 0; rank < above->group_of.size(); ++rank) {
    const int inner = below->group_of[rank];
    int& place = below->place_of[static_cast<size_t>(inner)];
    if (place >= 0) continue;
    std::vector<int>& members = above->members[static_cast<size_t>(above->group_of[rank])];
    place = static_cast<int>(members.size());
    members.push_back(inner);
  }
}

int Levels::carrier(int level, int group, int shard) const {
  for (; level > 0; --level) {
    const int home = group_of(level - 1, shard);
    if (group_of(level, shard) == group) {
      group = home;
    } else {
      const std::vector<int>& inside = members(level, group);
      group = inside[static_cast<size_t>(at(level - 1).place_of[static_cast<size_t>(home)]) % inside.size()];
    }
  }
  return group;
}

int Levels::height(int rank, int shard) const {
  int level = 0;
  while (level < top() && carrier(level + 1, group_of(level + 1, rank), shard) == rank) ++level;
  return level;
}

int Levels::common(int a, int b) const {
  int level = 0;
  while (group_of(level, a) != group_of(level, b)) ++level;
  return level;
}

bool has_levels(const topo::Topology& topology) {
  return topology.nodes.size() > 1 && topology.nodes.size() < static_cast<size_t>(topology.nranks);
}

bool has_more_levels(const topo::Topology& topology, Grouping grouping) {
  if (topology.spots.empty() && topology.switches.nodes == 0) return false;
  return Levels(topology, grouping).top() > Levels(topology, Grouping::kNodes).top();
}

}  // namespace coll
