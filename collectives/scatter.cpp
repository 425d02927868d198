// scatter: the root sends each of the other ranks one shard, and these send it to one another.
//
// Used for: long broadcasts where a chain of n-1 hops would take long to fill. A codec's bytes are passed on as they
// are. Cost for S bytes on n ranks: 2·α + 2·(n-2)·o + S·β at the root, (n-2)/(n-1)·S·β at the others.
#include "collectives/algorithms.hpp"
#include "collectives/build.hpp"

namespace coll::scatter {

namespace {
enum : Leg { kScatter = 0, kResult = 1 };
}

bool serves(const topo::Topology& topology, const PlanQuery& query) {
  return query.func == collFuncBroadcast && topology.nranks > 2;
}

Plan plan(const topo::Topology& topology, const PlanQuery& query) {
  const int n = topology.nranks;
  const int owners = n - 1;
  const int me = (query.rank - query.root - 1 + n) % n;  // shard me is this rank's; the root is beyond the last one
  PlanBuilder builder(kName, topology, query);
  builder.plan().rank_order = true;
  builder.plan().encodings = query.codec.lossy ? 1 : 0;
  builder.cut_shards(owners);
  const Wire wire = builder.coded_or(Wire::kNative);

  const int shards = builder.identity(owners);
  std::vector<int> owner_of;
  for (int i = 0; i < owners; ++i) owner_of.push_back((query.root + 1 + i) % n);
  const int owner_list = builder.list(std::move(owner_of));

  if (query.rank == query.root) {
    Step& send = builder.publish("send", owners);
    send.shard = each(shards, 0);
    send.to = each(owner_list, 0);
    send.to_leg = kScatter;
    return builder.finish(2, flat_hops(topology, 2));
  }
  const int root = builder.list({query.root});
  Step& share = builder.step("recv-send");
  share.shard = one(shards, me);
  share.from = one(root, 0);
  share.from_wire = wire;
  share.from_leg = kScatter;
  share.to_output = true;
  share.to = many(owner_list, me + 1, owners - 1);
  share.to_wire = wire;
  share.to_leg = kResult;

  Step& receive = builder.step("recv", owners - 1);
  receive.shard = each(shards, me - 1, -1);
  receive.from = each(owner_list, me - 1, -1);
  receive.from_wire = wire;
  receive.from_leg = kResult;
  receive.to_output = true;
  return builder.finish(2, flat_hops(topology, 2));
}

}  // namespace coll::scatter
