// hier_direct: direct between nodes, exact inside them. On each node a shard's carrier reduces the node's contributions
// and sends the sum to the shard's owner; the owner combines the nodes' sums in node order and sends the result to the
// carriers and to its node's ranks; carriers hand it on as it is.
//
// Used for: codecs on several nodes, where every element crosses the network as few times as it can, is encoded at most
// twice, and is summed exactly inside the nodes; small exact calls on several nodes.
// Cost for S bytes on N nodes of P ranks, each half: αs + α + (N-1)·o + S·(βs + γ) inside a node and
// (N-1)/N·S·β on its link. Broadcast: the root sends to one carrier per node: α + (N-1)·S·β + αs + (P-1)·S·βs.
#include "collectives/algorithms.hpp"
#include "collectives/carrier_plan.hpp"

namespace coll::hier_direct {

bool serves(const topo::Topology& topology, const PlanQuery& query) {
  if (!has_levels(topology)) return false;
  if (query.func == collFuncReduce) return !query.codec.lossy;
  return reduces(query.func) || query.func == collFuncAllGather || query.func == collFuncBroadcast;
}

Plan plan(const topo::Topology& topology, const PlanQuery& query) {
  return CarrierPlan(kName, topology, query, Grouping::kNodes).run();
}

}  // namespace coll::hier_direct
