// ring: shards travel around a ring of all ranks, collecting contributions, and then once more as results. The ring
// goes through one node after another, so that each node's link is crossed once in each direction.
//
// Used for: long exact messages where links are slow, and codecs' allgather and broadcast, whose bytes are passed on as
// they are. Codecs cannot ride in the reducing half: an element would be encoded at every hop.
// Cost for S bytes on n ranks, each half: (n-1)·(α + o + S/n·β) and (n-1)/n·S·γ. Broadcast is a chain of
// n-1 hops through which chunks are pipelined: (n-1+chunks-1)·(α + o + S/chunks·β).
#include <algorithm>

#include "collectives/algorithms.hpp"
#include "collectives/build.hpp"

namespace coll::ring {

namespace {

enum : Leg { kSum = 0, kResult = 1 };

class Ring {
 public:
  Ring(const topo::Topology& topology, const PlanQuery& query)
      : builder_(kName, topology, query),
        query_(query),
        n_(topology.nranks),
        nodes_(static_cast<int>(topology.nodes.size())) {
    std::vector<int> ranks = by_node(topology);
    me_ = position(ranks, query.rank);
    root_ = position(ranks, query.root);
    ring_ = builder_.list(std::move(ranks));
    result_ = builder_.coded_or(Wire::kNative);
  }

  Plan run() {
    builder_.plan().rank_order = !reduces(query_.func);
    builder_.plan().encodings = query_.codec.lossy ? 1 : 0;
    if (query_.func == collFuncBroadcast) return chain();
    builder_.cut_shards(n_);
    if (query_.func == collFuncAllGather) {
      Step& publishing = builder_.publish("send");
      publishing.shard = one(ring_, me_);
      pass_on(publishing, result_, kResult);
    } else {
      reduce_scatter();
    }
    if (query_.func != collFuncReduceScatter) allgather();
    return builder_.finish(4, around(query_.func == collFuncAllReduce ? 2 : 1));
  }

 private:
  // n-1 hops, of which as many leave a node as there are nodes.
  Hops around(int times) const {
    const int between = nodes_ > 1 ? std::min(nodes_, n_ - 1) : 0;
    return {times * (n_ - 1 - between), times * between};
  }
  void pass_on(Step& step, Wire wire, Leg leg) const {
    step.to = one(ring_, me_ + 1);
    step.to_wire = wire;
    step.to_leg = leg;
  }
  void take(Step& step, Wire wire, Leg leg) const {
    step.from = one(ring_, me_ - 1);
    step.from_wire = wire;
    step.from_leg = leg;
  }

  // A shard starts behind its owner, goes round and ends at its owner.
  void reduce_scatter() {
    Step& start = builder_.step("send");
    start.shard = one(ring_, me_ - 1);
    start.local = Local::kInput;
    pass_on(start, Wire::kPartial, kSum);
    if (n_ > 2) {
      Step& hop = builder_.step("recv-reduce-send", n_ - 2);
      hop.shard = each(ring_, me_ - 2, -1);
      take(hop, Wire::kPartial, kSum);
      hop.local = Local::kInput;
      hop.reduce = true;
      pass_on(hop, Wire::kPartial, kSum);
    }
    Step& end = builder_.step("recv-reduce");
    end.shard = one(ring_, me_);
    take(end, Wire::kPartial, kSum);
    end.local = Local::kInput;
    end.reduce = end.finish = end.to_output = true;
    if (query_.func == collFuncReduceScatter) return;
    end.what = "recv-reduce-send";
    pass_on(end, result_, kResult);
  }

  void allgather() {
    if (n_ > 2) {
      Step& hop = builder_.step("recv-send", n_ - 2);
      hop.shard = each(ring_, me_ - 1, -1);
      take(hop, result_, kResult);
      hop.to_output = true;
      pass_on(hop, result_, kResult);
    }
    Step& last = builder_.step("recv");
    last.shard = one(ring_, me_ + 1);
    take(last, result_, kResult);
    last.to_output = true;
  }

  Plan chain() {
    builder_.cut_shards(1);
    const int whole = builder_.identity(1);
    const bool last = (me_ + 1) % n_ == root_;
    Step& hop = me_ == root_ ? builder_.publish("send") : builder_.step(last ? "recv" : "recv-send");
    hop.shard = one(whole, 0);
    hop.to_output = true;
    if (me_ != root_) take(hop, result_, kResult);
    if (!last) pass_on(hop, result_, kResult);
    return builder_.finish(2, around(1));
  }

  PlanBuilder builder_;
  const PlanQuery& query_;
  const int n_;
  const int nodes_;
  int ring_ = -1;  // list of the ranks in ring order; a rank owns the shard of its number
  int me_ = 0;     // positions in it
  int root_ = 0;
  Wire result_ = Wire::kNative;
};

}  // namespace

bool serves(const topo::Topology& topology, const PlanQuery& query) {
  if (topology.nranks == 1) return false;
  if (query.func == collFuncAllReduce || query.func == collFuncReduceScatter) return !query.codec.lossy;
  return query.func == collFuncAllGather || query.func == collFuncBroadcast;
}

Plan plan(const topo::Topology& topology, const PlanQuery& query) { return Ring(topology, query).run(); }

}  // namespace coll::ring
