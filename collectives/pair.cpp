// pair: one rank's data straight to another; a copy where both are the same. The other ranks have nothing to do.
//
// Used for: sends and receives. Cost for S bytes: α + o + S·β.
#include "collectives/algorithms.hpp"
#include "collectives/build.hpp"

namespace coll::pair {

bool serves(const topo::Topology&, const PlanQuery& query) {
  return query.func == collFuncSendRecv && !query.codec.lossy;
}

Plan plan(const topo::Topology& topology, const PlanQuery& query) {
  PlanBuilder builder(kName, topology, query);
  builder.plan().rank_order = true;
  builder.cut_shards(1);
  const Pick whole = one(builder.identity(1), 0);
  if (query.root == query.peer && query.rank == query.root) {
    builder.copy_own(whole);
  } else if (query.rank == query.root) {
    const Pick to = one(builder.list({query.peer}), 0);
    Step& send = builder.step("send");
    send.shard = whole;
    send.local = Local::kInput;
    send.to = to;
  } else if (query.rank == query.peer) {
    const Pick from = one(builder.list({query.root}), 0);
    Step& receive = builder.step("recv");
    receive.shard = whole;
    receive.from = from;
    receive.to_output = true;
  }
  return builder.finish(1, flat_hops(topology, query.root == query.peer ? 0 : 1));
}

}  // namespace coll::pair
