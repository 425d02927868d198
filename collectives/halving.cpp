// halving: recursive halving and doubling on any number of ranks. In the reducing half a rank deals with all shards at
// first; in every exchange it sends the farther half of those that it still deals with, as one bundle of sums, to the
// rank that many places on, and adds the bundle that comes to the nearer half, until its own shard is left. Then the
// results go the same ways back, in bundles that double. That half alone is an allgather.
//
// Used for: calls on many ranks, too long to be sent whole (doubling), too short for n-1 messages (direct, ring).
// Cost for S bytes on n ranks, each half: ceil(log2 n)·(α + 2·o) + (n-1)/n·S·(β + c), with + (n-1)/n·S·γ in the
// reducing one, where c is what packing a byte costs.
//
// Sources: Rabenseifner: "Optimization of collective reduction operations", ICCS 2004, for powers of two; for other
// numbers of ranks Träff: "Optimal, non-pipelined reduce-scatter and allreduce algorithms", arXiv:2410.14234, whose
// distances are halved with rounding up; the allgather is Bruck et al.: "Efficient algorithms for all-to-all
// communications in multiport message-passing systems", IEEE TPDS 8 (1997), with those distances.
#include "collectives/algorithms.hpp"
#include "collectives/build.hpp"

namespace coll::halving {

namespace {

enum : Leg { kSum = 0, kResult = 1 };

// First ranks of all nodes, then the second ones, and so on: so the long exchanges, which go far, mostly stay inside
// nodes.
std::vector<int> across_nodes(const topo::Topology& topology) {
  std::vector<int> ranks;
  ranks.reserve(static_cast<size_t>(topology.nranks));
  for (size_t local = 0; ranks.size() < static_cast<size_t>(topology.nranks); ++local) {
    for (const topo::Node& node : topology.nodes) {
      if (local < node.ranks.size()) ranks.push_back(node.ranks[local]);
    }
  }
  return ranks;
}

// n, then half of that rounded up, and so on, to 1: how many shards a rank deals with before and after each exchange.
std::vector<int> halves(int n) {
  std::vector<int> left = {n};
  while (left.back() > 1) left.push_back((left.back() + 1) / 2);
  return left;
}

class Halving {
 public:
  Halving(const topo::Topology& topology, const PlanQuery& query)
      : builder_(kName, topology, query), topology_(topology), query_(query), left_(halves(topology.nranks)) {
    std::vector<int> ranks = across_nodes(topology);
    me_ = position(ranks, query.rank);
    ranks_ = builder_.list(std::move(ranks));
  }

  Plan run() {
    builder_.plan().rank_order = query_.func == collFuncAllGather;
    builder_.cut_shards(topology_.nranks);
    // A rank owns the shard of its place; where every rank has a block, that is its block.
    shards_ = has_block_per_rank(query_.func) ? ranks_ : builder_.identity(topology_.nranks);
    if (query_.func == collFuncAllGather) {
      builder_.copy_own(one(shards_, me_)).hold = true;
    } else {
      for (size_t k = 0; k + 1 < left_.size(); ++k) halve(left_[k], left_[k + 1]);
    }
    if (query_.func != collFuncReduceScatter) {
      for (size_t k = left_.size() - 1; k > 0; --k) gather(left_[k], left_[k - 1]);
    }
    return builder_.finish(4, hops_, 1);  // exchanges are no chain: a rank sends and receives all the time
  }

 private:
  // Of `all` shards, `few` remain.
  void halve(int all, int few) {
    Step& send = exchange("send", few, all - few, few);
    send.to_wire = Wire::kPartial;
    send.to_leg = kSum;
    Step& sum = builder_.step("recv-reduce");
    sum.shard = many(shards_, me_, all - few);
    sum.from = one(ranks_, me_ - few);
    sum.from_wire = Wire::kPartial;
    sum.from_leg = kSum;
    sum.local = Local::kHeld;
    sum.reduce = true;
    sum.finish = sum.to_output = few == 1;
    sum.hold = few > 1 || query_.func == collFuncAllReduce;
    count_hop(few);
  }

  // Of `few` results that are here, as many as the rank behind lacks go to it.
  void gather(int few, int all) {
    Step& send = exchange("send", 0, all - few, -few);
    send.to_leg = kResult;
    Step& receive = builder_.step("recv");
    receive.shard = many(shards_, me_ + few, all - few);
    receive.from = one(ranks_, me_ + few);
    receive.from_leg = kResult;
    receive.to_output = true;
    receive.hold = all < topology_.nranks;
    count_hop(few);
  }

  // A bundle of what is held, from the shard `first` places on, to the rank `distance` places on.
  Step& exchange(std::string_view what, int first, int count, int distance) {
    Step& send = builder_.step(what);
    send.shard = many(shards_, me_ + first, count);
    send.local = Local::kHeld;
    send.to = one(ranks_, me_ + distance);
    return send;
  }

  void count_hop(int distance) {
    const auto far = [&](int place) {
      const int peer = builder_.plan().entry(one(ranks_, place), 0, 0);
      return topology_.link_between(query_.rank, peer) == topo::LinkKind::kNetwork;
    };
    ++(far(me_ - distance) || far(me_ + distance) ? hops_.between_nodes : hops_.in_node);
  }

  PlanBuilder builder_;
  const topo::Topology& topology_;
  const PlanQuery& query_;
  const std::vector<int> left_;
  int me_ = 0;  // place
  int ranks_ = -1;
  int shards_ = -1;  // list of the shards by their owner's place
  Hops hops_;
};

}  // namespace

bool serves(const topo::Topology& topology, const PlanQuery& query) {
  const bool function =
      query.func == collFuncAllReduce || query.func == collFuncReduceScatter || query.func == collFuncAllGather;
  return function && topology.nranks > 1 && !query.codec.lossy;
}

Plan plan(const topo::Topology& topology, const PlanQuery& query) { return Halving(topology, query).run(); }

}  // namespace coll::halving
