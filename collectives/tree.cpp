// tree: a binomial tree from the root; whoever has the data passes it on, to the largest subtree first.
//
// Used for: small broadcasts on many ranks. A codec's bytes are passed on as they are (one encoding).
// Cost for S bytes on n ranks: ceil(log2 n)·(α + o + S·β).
#include "collectives/algorithms.hpp"
#include "collectives/build.hpp"

namespace coll::tree {

bool serves(const topo::Topology& topology, const PlanQuery& query) {
  return query.func == collFuncBroadcast && topology.nranks > 2;
}

Plan plan(const topo::Topology& topology, const PlanQuery& query) {
  const int n = topology.nranks;
  const std::vector<int> ranks = by_node(topology);
  const int root = position(ranks, query.root);
  const int me = (position(ranks, query.rank) - root + n) % n;  // places count from the root
  const auto rank_at = [&](int place) { return ranks[static_cast<size_t>((place + root) % n)]; };

  // A place's parent lacks its lowest set bit; its children add a bit below that.
  int bit = 1;
  while (bit < n && (me & bit) == 0) bit <<= 1;
  const int parent = rank_at(me == 0 ? 0 : me - bit);
  std::vector<int> children;
  for (bit >>= 1; bit > 0; bit >>= 1) {
    if (me + bit < n) children.push_back(rank_at(me + bit));
  }

  PlanBuilder builder(kName, topology, query);
  builder.plan().rank_order = true;
  builder.plan().encodings = query.codec.lossy ? 1 : 0;
  builder.cut_shards(1);
  const auto fan_out = static_cast<int>(children.size());
  const int whole = builder.identity(1);
  const int above = builder.list({parent});
  const int below = fan_out > 0 ? builder.list(std::move(children)) : -1;

  Step& hop = me == 0 ? builder.publish("send") : builder.step(fan_out > 0 ? "recv-send" : "recv");
  hop.shard = one(whole, 0);
  hop.to_output = true;
  if (me != 0) {
    hop.from = one(above, 0);
    hop.from_wire = builder.coded_or(Wire::kNative);
  }
  if (fan_out > 0) {
    hop.to = many(below, 0, fan_out);
    hop.to_wire = builder.coded_or(Wire::kNative);
  }
  const int between = log2_ceil(static_cast<int>(topology.nodes.size()));
  return builder.finish(2, {log2_ceil(n) - between, between});
}

}  // namespace coll::tree
