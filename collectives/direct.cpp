// direct: every rank sends its contribution of a shard straight to the shard's owner, who reduces all of them in rank
// order, and sends the result straight to everyone (reduce: to the root). Where nothing is reduced, every block goes
// straight from the rank that has it to those that need it.
//
// Used for: everything; the flat plan with the fewest encodings (2 for allreduce) and the fewest hops in a row (2).
// Cost for S bytes on n ranks, each half (reduce-scatter, allgather): α + (n-1)·o + (n-1)/n·S·β, where o is what a
// message costs its sender and its receiver, and (n-1)/n·S·γ of reduction. Broadcast: α + (n-1)·(o + S·β) at the root.
// Gather, scatter, alltoall with S bytes per block: α + (n-1)·(o + S·β) at the rank that has or gets all of them.
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
    if (query_.func == collFuncAlltoAll) return exchange();
    if (query_.func == collFuncScatter) return scatter();
    if (query_.func == collFuncGather) return gather();
    if (query_.func == collFuncAllGather) {
      publish();
    } else {
      contribute();
      reduce_own();
    }
    const bool gets_results = query_.func == collFuncReduce ? me_ == query_.root : query_.func != collFuncReduceScatter;
    if (gets_results) receive_results();
    const int halves = query_.func == collFuncAllReduce || query_.func == collFuncReduce ? 2 : 1;
    builder_.plan().encodings = query_.codec.lossy ? halves : 0;
    if (query_.func == collFuncAllGather && !query_.codec.lossy) return finish_copies();
    return builder_.finish(3, flat_hops(topology_, halves));
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
    reduce.reduce = reduce.finish = true;
    const bool to_root = query_.func == collFuncReduce;
    reduce.to_output = !to_root || me_ == query_.root;
    if (query_.func == collFuncReduceScatter || (to_root && reduce.to_output)) return;
    reduce.what = "recv-reduce-send";
    reduce.to = to_root ? one(ranks_, query_.root) : many(ranks_, me_ + 1, n_ - 1);
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

  // Every rank's block to the root.
  Plan gather() {
    if (me_ == query_.root) {
      builder_.copy_own(one(ranks_, me_));
      receive_results();
    } else {
      send_blocks(one(ranks_, me_), one(ranks_, query_.root), 1);
    }
    return finish_copies();
  }

  // A block to every rank.
  Plan scatter() {
    if (me_ == query_.root) {
      send_blocks(each(ranks_, me_ + 1), each(ranks_, me_ + 1), n_ - 1);
      builder_.copy_own(one(ranks_, me_));
    } else {
      receive_blocks(one(ranks_, me_), one(ranks_, query_.root), 1);
    }
    return finish_copies();
  }

  // Alltoall: what goes one rank on first, then two, and so on; so pairs meet in their order.
  Plan exchange() {
    builder_.copy_own(one(ranks_, 0));
    send_blocks(each(ranks_, 1), each(ranks_, me_ + 1), n_ - 1);
    receive_blocks(each(ranks_, 1), each(ranks_, me_ - 1, -1), n_ - 1);
    return finish_copies();
  }

  Plan finish_copies() {
    builder_.copy_blocks();
    return builder_.finish(1, flat_hops(topology_, 1));
  }

  void send_blocks(Pick shard, Pick to, int rounds) {
    Step& send = builder_.step("send", rounds);
    send.shard = shard;
    send.local = Local::kInput;
    send.to = to;
    send.to_leg = kResult;
  }

  void receive_blocks(Pick shard, Pick from, int rounds) {
    Step& receive = builder_.step("recv", rounds);
    receive.shard = shard;
    receive.from = from;
    receive.from_leg = kResult;
    receive.to_output = true;
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
  const bool coded = query.func == collFuncAllReduce || query.func == collFuncReduceScatter ||
                     query.func == collFuncAllGather || query.func == collFuncBroadcast;
  return coded || (!query.codec.lossy && query.func != collFuncSendRecv);
}

Plan plan(const topo::Topology& topology, const PlanQuery& query) {
  if (topology.nranks == 1) return copy_plan(kName, topology, query);
  return Direct(topology, query).run();
}

}  // namespace coll::direct
