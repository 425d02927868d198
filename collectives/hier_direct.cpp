// hier_direct: direct between nodes, exact inside them. On each node a shard's carrier reduces the node's contributions
// and sends the sum to the shard's owner; the owner combines the nodes' sums in node order and sends the result to the
// carriers and to its node's ranks; carriers hand it on as it is.
//
// Used for: codecs on several nodes, where every element crosses the network as few times as it can, is encoded at most
// twice, and is summed exactly inside the nodes; small exact calls on several nodes.
// Cost for S bytes on N nodes of P ranks, each half: αs + α + (N-1)·o + S·(βs + γ) inside a node and
// (N-1)/N·S·β on its link. Broadcast: the root sends to one carrier per node: α + (N-1)·S·β + αs + (P-1)·S·βs.
#include "collectives/algorithms.hpp"
#include "collectives/hierarchy.hpp"

namespace coll::hier_direct {

namespace {

enum : Leg { kContribution = 0, kNodeSum = 1, kResult = 2, kHandedOn = 3 };

class HierDirect : HierarchyBuilder {
 public:
  HierDirect(const topo::Topology& topology, const PlanQuery& query) : HierarchyBuilder(kName, topology, query) {}

  Plan run() {
    if (query_.func == collFuncBroadcast) return broadcast();
    builder_.cut_shards(builder_.plan().nranks);
    builder_.plan().rank_order = !reduces(query_.func);
    builder_.plan().encodings = query_.codec.lossy ? (query_.func == collFuncAllReduce ? 2 : 1) : 0;
    if (query_.func == collFuncReduce) return reduce();
    if (query_.func == collFuncAllGather) {
      send_result(builder_.publish("send"));
    } else {
      contribute(Wire::kNative, kContribution);
      reduce_carried();
      reduce_own();
    }
    if (query_.func != collFuncReduceScatter) {
      hand_on();
      receive_results(kResult, kHandedOn);
    }
    const int halves = query_.func == collFuncAllReduce ? 2 : 1;
    return builder_.finish(4, {halves, halves});
  }

 private:
  Wire node_sum() const { return builder_.coded_or(Wire::kPartial); }

  void take_contributions(Step& step) const {
    step.from = many(local_, 0, local_ranks());
    step.from_wire = Wire::kNative;
    step.from_leg = kContribution;
    step.local = Local::kInput;
    step.reduce = local_ranks() > 1;
  }

  void reduce_carried() {
    if (carried() == 0) return;
    Step& sum = builder_.step("recv-reduce-send", carried());
    sum.shard = each(carried_, 0);
    take_contributions(sum);
    sum.to = each(carried_, 0);
    sum.to_wire = node_sum();
    sum.to_leg = kNodeSum;
  }

  void reduce_own() {
    const bool alone = local_ranks() == 1;
    if (!alone) {
      Step& sum = builder_.step("recv-reduce");
      sum.shard = one(self_, 0);
      take_contributions(sum);
      sum.keep_slot = 0;
      builder_.plan().slots = 1;
    }
    std::vector<int> carriers;  // of this rank's shard on every node, in node order; its own node's is itself
    for (int node = 0; node < hierarchy_.nodes(); ++node) {
      carriers.push_back(hierarchy_.carrier_at(node - hierarchy_.node(), query_.rank));
    }
    const int all = builder_.list(std::move(carriers));
    Step& combine = builder_.step("recv-reduce");
    combine.shard = one(self_, 0);
    combine.from = many(all, 0, hierarchy_.nodes());
    combine.from_wire = node_sum();
    combine.from_leg = kNodeSum;
    combine.local = alone ? Local::kInput : Local::kSlot;
    combine.local_slot = alone ? -1 : 0;
    combine.reduce = combine.finish = true;
    combine.to_output = query_.func != collFuncReduce || query_.rank == query_.root;
    if (query_.func == collFuncReduceScatter || is_root()) return;
    combine.what = "recv-reduce-send";
    if (query_.func == collFuncReduce) {
      combine.to = one(builder_.list({query_.root}), 0);
      combine.to_leg = kResult;
    } else {
      send_result(combine);
    }
  }

  bool is_root() const { return query_.func == collFuncReduce && query_.rank == query_.root; }

  // As the first half of an allreduce, with every owner's result for the root alone.
  Plan reduce() {
    contribute(Wire::kNative, kContribution);
    reduce_carried();
    reduce_own();
    if (is_root()) {
      const int n = builder_.plan().nranks;
      const int ranks = builder_.identity(n);
      Step& receive = builder_.step("recv", n - 1);
      receive.shard = receive.from = each(ranks, query_.rank - 1, -1);
      receive.from_leg = kResult;
      receive.to_output = true;
    }
    return builder_.finish(4, {1, 2});
  }

  // To the carriers on the other nodes, next node first, then to this node's ranks.
  void send_result(Step& step) {
    std::vector<int> receivers;
    for (int distance = 1; distance < hierarchy_.nodes(); ++distance) {
      receivers.push_back(hierarchy_.carrier_at(distance, query_.rank));
    }
    for (int i = 1; i < local_ranks(); ++i) {
      receivers.push_back(hierarchy_.local()[static_cast<size_t>((hierarchy_.local_index() + i) % local_ranks())]);
    }
    step.shard = one(self_, 0);
    const auto count = static_cast<int>(receivers.size());
    step.to = many(builder_.list(std::move(receivers)), 0, count);
    step.to_wire = result_;
    step.to_leg = kResult;
  }

  void hand_on() {
    if (carried() == 0) return;
    Step& hop = builder_.step(local_ranks() > 1 ? "recv-send" : "recv", carried());
    hop.shard = each(carried_, 0);
    hop.from = each(carried_, 0);
    hop.from_wire = result_;
    hop.from_leg = kResult;
    hop.to_output = true;
    if (local_ranks() == 1) return;
    hop.to = many(local_, hierarchy_.local_index() + 1, local_ranks() - 1);
    hop.to_wire = result_;
    hop.to_leg = kHandedOn;
  }

  Plan broadcast() {
    std::vector<int> others;
    if (query_.rank == query_.root) {
      for (int distance = 1; distance < hierarchy_.nodes(); ++distance) {
        others.push_back(hierarchy_.carrier_at(distance, query_.root));
      }
    }
    return fan_out(hierarchy_.carrier_at(0, query_.root), query_.root, others, {1, 1});
  }
};

}  // namespace

bool serves(const topo::Topology& topology, const PlanQuery& query) {
  if (!Hierarchy::two_levels(topology)) return false;
  if (query.func == collFuncReduce) return !query.codec.lossy;
  return reduces(query.func) || query.func == collFuncAllGather || query.func == collFuncBroadcast;
}

Plan plan(const topo::Topology& topology, const PlanQuery& query) { return HierDirect(topology, query).run(); }

}  // namespace coll::hier_direct
