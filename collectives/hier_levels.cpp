// hier_levels: hier_direct on every level that the machine has: NUMA nodes, packages, nodes, the nodes of a switch. On
// each, the members of a group send their sums of a shard to one of them, and results come back the same way.
//
// Used for: machines whose parts are joined by links that all ranks of a part share: of a shard one sum crosses such a
// link, and one result, where a flat exchange sends the contribution of every rank across. It takes two hops more for
// each level. Cost for S bytes on a node of K packages of P ranks, each half: 2·αs + S·(βs + γ) + (K-1)/K·S·β on a
// package's link; direct has αs + S·(βs + γ) and P·(K-1)/K·S·β there.
#include "collectives/algorithms.hpp"
#include "collectives/carrier_plan.hpp"

namespace coll::hier_levels {

namespace {

// Sums that are coded go to the owner at once: on the way through a switch's carrier they would be coded again.
Grouping grouping_of(const PlanQuery& query) {
  return query.codec.lossy && reduces(query.func) ? Grouping::kInNodes : Grouping::kAll;
}

}  // namespace

bool serves(const topo::Topology& topology, const PlanQuery& query) {
  if (!has_more_levels(topology, grouping_of(query))) return false;
  // On one node a codec codes what every rank sends, and sums would be coded again on every level.
  if (query.codec.lossy && reduces(query.func)) return topology.nodes.size() > 1 && query.func != collFuncReduce;
  return reduces(query.func) || query.func == collFuncAllGather || query.func == collFuncBroadcast;
}

Plan plan(const topo::Topology& topology, const PlanQuery& query) {
  return CarrierPlan(kName, topology, query, grouping_of(query)).run();
}

}  // namespace coll::hier_levels
