// direct: every rank sends its contribution of a shard straight to the shard's owner, who reduces all of them in rank
// order, and sends the result straight to everyone.
//
// Used for: everything; the flat plan with the fewest encodings (2 for allreduce) and the fewest hops in a row (2).
// Cost for S bytes on n ranks, each half (reduce-scatter, allgather): α + (n-1)·o + (n-1)/n·S·β, where o is what a
// message costs its sender and its receiver, and (n-1)/n·S·γ of reduction. Broadcast: α + (n-1)·(o + S·β) at the root.
// Between nodes every rank's contribution crosses the network by itself, so hier_direct sends less there.
#include "collectives/algorithms.hpp"
#include "collectives/build.hpp"

namespace coll::direct {

namespace {

enum : Leg { kContribution = 0, kResult = 1 };

class Direct {
 public:
  Direct(const topo::Topology& topology, const PlanQuery& query)
      : builder_(kName, topology, query), topology_(topology), query_(query), n_(topology.nranks), me_(query.rank) {}

  Plan run() {
    builder_.plan().rank_order = true;
    ranks_ = builder_.identity(n_);
    if (query_.func == collFuncBroadcast) return broadcast();
    builder_.cut_shards(n_);
    if (query_.func == collFuncAllGather) {
      publish();
    } else {
      contribute();
      reduce_own();
    }
    if (query_.func != collFuncReduceScatter) receive_results();
    builder_.plan().encodings = query_.codec.lossy ? (query_.func == collFuncAllReduce ? 2 : 1) : 0;
    return builder_.finish(3, flat_hops(topology_, query_.func == collFuncAllReduce ? 2 : 1));
  }

 private:
  // To owner me+1 first, then me+2, ..., so that no owner hears from everyone at once.
  void contribute() {
    Step& send = builder_.step("send", n_ - 1);
    send.shard = each(ranks_, me_ + 1);
    send.local = Local::kInput;
    send.to = each(ranks_, me_ + 1);
    send.to_wire = builder_.coded_or(Wire::kNative);
    send.to_leg = kContribution;
  }

  void reduce_own() {
    Step& reduce = builder_.step("recv-reduce");
    reduce.shard = one(ranks_, me_);
    reduce.from = many(ranks_, 0, n_);
    reduce.from_wire = builder_.coded_or(Wire::kNative);
    reduce.from_leg = kContribution;
    reduce.local = Local::kInput;
    // So that the bits do not depend on who owns a shard, which depends on the size.
    reduce.code_local = query_.codec.lossy && query_.deterministic;
    reduce.reduce = reduce.finish = reduce.to_output = true;
    if (query_.func == collFuncReduceScatter) return;
    reduce.what = "recv-reduce-send";
    reduce.to = many(ranks_, me_ + 1, n_ - 1);
    reduce.to_wire = builder_.coded_or(Wire::kNative);
    reduce.to_leg = kResult;
  }

  void publish() {
    Step& publishing = builder_.publish("send");
    publishing.shard = one(ranks_, me_);
    publishing.to = many(ranks_, me_ + 1, n_ - 1);
    publishing.to_leg = kResult;
  }

  // From me-1 first, who sends to me first.
  void receive_results() {
    Step& receive = builder_.step("recv", n_ - 1);
    receive.shard = each(ranks_, me_ - 1, -1);
    receive.from = each(ranks_, me_ - 1, -1);
    receive.from_wire = builder_.coded_or(Wire::kNative);
    receive.from_leg = kResult;
    receive.to_output = true;
  }

  Plan broadcast() {
    builder_.cut_shards(1);
    if (me_ == query_.root) {
      Step& send = builder_.publish("send");
      send.shard = one(ranks_, 0);
      send.to = many(ranks_, me_ + 1, n_ - 1);
      send.to_leg = kResult;
    } else {
      Step& receive = builder_.step("recv");
      receive.shard = one(ranks_, 0);
      receive.from = one(ranks_, query_.root);
      receive.from_wire = builder_.coded_or(Wire::kNative);
      receive.from_leg = kResult;
      receive.to_output = true;
    }
    builder_.plan().encodings = query_.codec.lossy ? 1 : 0;
    return builder_.finish(2, flat_hops(topology_, 1));
  }

  PlanBuilder builder_;
  const topo::Topology& topology_;
  const PlanQuery& query_;
  const int n_;
  const int me_;
  int ranks_ = -1;  // list of all ranks, which are the shards' owners too
};

}  // namespace

bool serves(const topo::Topology&, const PlanQuery& query) {
  return reduces(query.func) || query.func == collFuncAllGather || query.func == collFuncBroadcast;
}

Plan plan(const topo::Topology& topology, const PlanQuery& query) {
  if (topology.nranks == 1) return copy_plan(kName, topology, query);
  return Direct(topology, query).run();
}

}  // namespace coll::direct
