// The plans that lead data up and down the levels of a machine: hier_direct and hier_levels.
//
// Up, for reductions: in every group the members' carriers of a shard send what they have of it to the group's carrier,
// which adds it up, level by level, until the owner has everything. Down, for results: the owner hands a shard to the
// other members' carriers in all its groups, and each of those does the same in the groups below.
#pragma once

#include <string_view>
#include <vector>

#include "collectives/build.hpp"
#include "collectives/levels.hpp"

namespace coll {

class CarrierPlan {
 public:
  CarrierPlan(std::string_view algorithm, const topo::Topology& topology, const PlanQuery& query, Grouping grouping);

  Plan run();

 private:
  using Shards = std::vector<int>;  // by their owners

  // Shards that reach this rank up to some stage, the far owners' first.
  struct Carried {
    Shards shards;
    int list = -1;     // of the plan: the same
    int parents = -1;  // the carriers in the larger group, by shard
  };

  void sort_shards(const topo::Topology& topology);
  int stages() const { return static_cast<int>(stages_.size()); }
  int level_of(int stage) const { return stages_[static_cast<size_t>(stage) - 1]; }
  const std::vector<int>& members(int level) const { return levels_.members(level, levels_.group_of(level, rank_)); }
  const Carried& carried(int stage) const { return carried_[static_cast<size_t>(stage)]; }
  Shards carried_beyond(int stage) const;
  Wire wire_into(int level) const;
  std::vector<int> receivers_of(int shard, int stage) const;

  int shard_list(const Shards& shards);
  int parent_list(const Shards& shards, int stage);
  int source_list(const Shards& shards, int level);

  void contribute();
  void send_up(int stage, Step& step) const;
  void take(const Shards& shards, int stage, Step& step);
  void add_up(int stage);
  void finish_own();
  void send_result(Step& step);
  void take_results(int stage, Step& step) const;
  void hand_down(int stage);
  void receive_results();
  void receive_as_root();
  Plan done();

  const int rank_;
  const Levels levels_;
  PlanBuilder builder_;
  const PlanQuery& query_;
  const Wire result_;
  // A stage is a level on which this rank's group has several members; they count from 1. At stage 0 a rank has only
  // its own data.
  std::vector<int> stages_;
  std::vector<Carried> carried_;  // by the last stage at which this rank is the carrier
  int nearest_ = 0;               // how many of those of stage 0 have the nearest owners; they come last
};

}  // namespace coll
