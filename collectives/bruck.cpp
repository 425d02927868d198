// bruck: alltoall in log2(n) exchanges. Block i is to travel i places on; in exchange k every rank sends, as one
// bundle, all it holds of the blocks whose number has bit k to the rank 2^k places on. So a block takes one exchange
// per bit.
//
// Used for: small alltoalls on many ranks, where the messages cost more than their bytes.
// Cost for S bytes per block on n ranks: ceil(log2 n)·(α + o + n/2·S·(β + c)), where c is what packing a byte costs.
#include "collectives/algorithms.hpp"
#include "collectives/build.hpp"

namespace coll::bruck {

namespace {

// The blocks that exchange k moves.
std::vector<int> moved(int n, int k) {
  std::vector<int> blocks;
  for (int i = 1; i < n; ++i) {
    if ((i >> k & 1) != 0) blocks.push_back(i);
  }
  return blocks;
}

}  // namespace

bool serves(const topo::Topology& topology, const PlanQuery& query) {
  return query.func == collFuncAlltoAll && topology.nranks > 2 && !query.codec.lossy;
}

Plan plan(const topo::Topology& topology, const PlanQuery& query) {
  const int n = topology.nranks;
  const int exchanges = log2_ceil(n);
  PlanBuilder builder(kName, topology, query);
  builder.plan().rank_order = true;
  builder.cut_shards(n);
  const int ranks = builder.identity(n);
  for (int k = 0; k < exchanges; ++k) {
    std::vector<int> blocks = moved(n, k);
    const auto count = static_cast<int>(blocks.size());
    const int bundle = builder.list(std::move(blocks));
    Step& send = builder.step("send");
    send.shard = many(bundle, 0, count);
    send.local = Local::kHeld;
    send.to = one(ranks, query.rank + (1 << k));
    Step& receive = builder.step("recv");
    receive.shard = many(bundle, 0, count);
    receive.from = one(ranks, query.rank - (1 << k));
    receive.hold = true;
  }
  Step& place = builder.step("copy", n);
  place.shard = each(ranks, 0);
  place.local = Local::kHeld;
  place.to_output = true;
  return builder.finish(exchanges, flat_hops(topology, exchanges));
}

}  // namespace coll::bruck
