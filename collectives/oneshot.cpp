// oneshot: every rank sends all its elements to everyone who needs the result (reduce: the root), and those reduce all
// of them in rank order.
//
// Used for: small allreduces and reduces on few ranks, where one hop beats the fewer bytes of the other algorithms. A
// codec is applied once to each contribution, a rank's own included, so that all ranks combine the same values. Cost
// for S bytes on n ranks: α + (n-1)·(o + S·β) + (n-1)·S·γ.
#include "collectives/algorithms.hpp"
#include "collectives/build.hpp"

namespace coll::oneshot {

// With a codec the result is never encoded, unlike direct's, so deterministic calls may not choose between the two.
bool serves(const topo::Topology& topology, const PlanQuery& query) {
  if (query.func == collFuncReduce) return topology.nranks > 1 && !query.codec.lossy;
  return query.func == collFuncAllReduce && topology.nranks > 1 && !(query.deterministic && query.codec.lossy);
}

Plan plan(const topo::Topology& topology, const PlanQuery& query) {
  const int n = topology.nranks;
  PlanBuilder builder(kName, topology, query);
  builder.plan().rank_order = true;
  builder.plan().encodings = query.codec.lossy ? 1 : 0;
  builder.cut_shards(1);
  const int ranks = builder.identity(n);

  const bool for_root = query.func == collFuncReduce;
  if (!for_root || query.rank != query.root) {
    Step& send = builder.step("send");
    send.shard = one(ranks, 0);
    send.local = Local::kInput;
    send.to = for_root ? one(ranks, query.root) : many(ranks, query.rank + 1, n - 1);
    send.to_wire = builder.coded_or(Wire::kNative);
    if (for_root) return builder.finish(n + 1, flat_hops(topology, 1));
  }

  Step& reduce = builder.step("recv-reduce");
  reduce.shard = one(ranks, 0);
  reduce.from = many(ranks, 0, n);
  reduce.from_wire = builder.coded_or(Wire::kNative);
  reduce.local = Local::kInput;
  reduce.code_local = query.codec.lossy;
  reduce.reduce = reduce.finish = reduce.to_output = true;
  return builder.finish(n + 1, flat_hops(topology, 1));
}

}  // namespace coll::oneshot
