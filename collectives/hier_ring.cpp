// hier_ring: a ring of nodes. A shard travels from node to node, and at each its carrier adds the contributions of all
// the node's ranks in one hop; then the result travels once more, and carriers hand it on inside their nodes.
//
// Used for: long exact messages on several nodes, and codecs' allgather and broadcast, whose bytes are passed on as
// they are. Codecs cannot ride in the reducing half: an element would be encoded at every node. Cost for S bytes on N
// nodes of P ranks, each half: αs + (N-1)·(α + o) + (N-1)/N·S·β on a node's link and S·(βs + γ) inside. Broadcast is a
// chain of N-1 hops through which chunks are pipelined.
#include "collectives/algorithms.hpp"
#include "collectives/build.hpp"
#include "collectives/hierarchy.hpp"
#include "collectives/levels.hpp"

namespace coll::hier_ring {

namespace {

enum : Leg { kSum = 0, kResult = 1 };

class HierRing {
 public:
  HierRing(const topo::Topology& topology, const PlanQuery& query)
      : builder_(kName, topology, query),
        query_(query),
        hierarchy_(topology, query.rank),
        result_(builder_.coded_or(Wire::kNative)),
        self_(builder_.list({query.rank})),
        local_(builder_.list(hierarchy_.local())),
        carried_(builder_.list(hierarchy_.carried())),
        passed_(builder_.list(hierarchy_.passed())),
        passed_via_(builder_.list(hierarchy_.passed_via())) {}

  Plan run() {
    if (query_.func == collFuncBroadcast) return broadcast();
    builder_.cut_shards(builder_.plan().nranks);
    builder_.plan().rank_order = !reduces(query_.func);
    builder_.plan().encodings = query_.codec.lossy ? 1 : 0;
    if (query_.func == collFuncAllGather) {
      send_result(builder_.publish("send"));
    } else {
      contribute();
      list_hops();
      reduce_carried();
      reduce_own();
    }
    if (query_.func != collFuncReduceScatter) {
      pass_on_results();
      receive_results();
    }
    const int halves = query_.func == collFuncAllReduce ? 2 : 1;
    return builder_.finish(4, {halves, halves * (hierarchy_.nodes() - 1)});
  }

 private:
  int local_ranks() const { return static_cast<int>(hierarchy_.local().size()); }
  int carried() const { return static_cast<int>(hierarchy_.carried().size()); }

  // Sends this rank's input of the shards that others carry to their carriers; the ones that travel go first.
  void contribute() {
    if (local_ranks() == 1) return;
    const int own = local_ranks() - 1;
    Step& send = builder_.step("send", static_cast<int>(hierarchy_.passed().size()));
    send.shard = each(passed_, own);
    send.local = Local::kInput;
    send.to = each(passed_via_, own);
    send.to_wire = Wire::kPartial;
    send.to_leg = kSum;
  }

  // Of the node's own shards from their owners, then of the others from their carriers.
  void receive_results() {
    if (local_ranks() == 1) return;
    Step& step = builder_.step("recv", static_cast<int>(hierarchy_.passed().size()));
    step.shard = each(passed_, 0);
    step.from = each(passed_via_, 0);
    step.from_wire = result_;
    step.from_leg = kResult;
    step.to_output = true;
  }

  // For every carried shard that comes from a node before, then for the own one: whom its sum is made of.
  void list_hops() {
    std::vector<int> sources;
    std::vector<int> next;
    first_ = hierarchy_.carried_at(1);
    const auto add = [&](int shard) {
      sources.push_back(hierarchy_.carrier_at(-1, shard));
      sources.insert(sources.end(), hierarchy_.local().begin(), hierarchy_.local().end());
    };
    const auto& shards = hierarchy_.carried();
    for (int i = first_; i < carried(); ++i) add(shards[static_cast<size_t>(i)]);
    add(query_.rank);
    for (const int shard : shards) next.push_back(hierarchy_.carrier_at(1, shard));
    sources_ = builder_.list(std::move(sources));
    next_ = builder_.list(std::move(next));
  }

  void sum_and_send(Step& step, int at) const {
    step.shard = each(carried_, at);
    step.from_wire = step.to_wire = Wire::kPartial;
    step.from_leg = step.to_leg = kSum;
    step.local = Local::kInput;
    step.to = each(next_, at);
  }

  void reduce_carried() {
    if (first_ > 0) {  // shards whose home is the node before start here
      Step& start = builder_.step(local_ranks() > 1 ? "recv-reduce-send" : "send", first_);
      sum_and_send(start, 0);
      start.from = many(local_, 0, local_ranks());
      start.reduce = local_ranks() > 1;
    }
    if (carried() > first_) {
      Step& hop = builder_.step("recv-reduce-send", carried() - first_);
      sum_and_send(hop, first_);
      hop.from = window(sources_, 0, local_ranks() + 1);
      hop.reduce = true;
    }
  }

  void reduce_own() {
    Step& end = builder_.step("recv-reduce");
    end.shard = one(self_, 0);
    end.from = many(sources_, (carried() - first_) * (local_ranks() + 1), local_ranks() + 1);
    end.from_wire = Wire::kPartial;
    end.from_leg = kSum;
    end.local = Local::kInput;
    end.reduce = end.finish = end.to_output = true;
    if (query_.func == collFuncReduceScatter) return;
    end.what = "recv-reduce-send";
    send_result(end);
  }

  // The next node's carrier and this node's other ranks: who gets a shard's result from its carrier here.
  void add_receivers(int shard, std::vector<int>* receivers) const {
    receivers->push_back(hierarchy_.carrier_at(1, shard));
    for (int i = 1; i < local_ranks(); ++i) {
      receivers->push_back(hierarchy_.local()[static_cast<size_t>((hierarchy_.local_index() + i) % local_ranks())]);
    }
  }

  void send_result(Step& step) {
    std::vector<int> receivers;
    add_receivers(query_.rank, &receivers);
    step.shard = one(self_, 0);
    step.to = many(builder_.list(std::move(receivers)), 0, local_ranks());
    step.to_wire = result_;
    step.to_leg = kResult;
  }

  void pass_on_results() {
    if (carried() == 0) return;
    const int ending = hierarchy_.carried_at(hierarchy_.nodes() - 1);  // shards whose home is the node after
    const int passing = carried() - ending;
    std::vector<int> previous;
    std::vector<int> receivers;
    for (const int shard : hierarchy_.carried()) {
      previous.push_back(hierarchy_.carrier_at(-1, shard));
      if (hierarchy_.distance_from_home(shard) < hierarchy_.nodes() - 1) add_receivers(shard, &receivers);
    }
    const int from = builder_.list(std::move(previous));
    const auto take = [&](Step& step, int at) {
      step.shard = each(carried_, at);
      step.from = each(from, at);
      step.from_wire = step.to_wire = result_;
      step.from_leg = step.to_leg = kResult;
      step.to_output = true;
    };
    if (passing > 0) {
      const int to = builder_.list(std::move(receivers));
      Step& hop = builder_.step("recv-send", passing);
      take(hop, 0);
      hop.to = window(to, 0, local_ranks());
    }
    if (ending > 0) {
      Step& end = builder_.step(local_ranks() > 1 ? "recv-send" : "recv", ending);
      take(end, passing);
      if (local_ranks() > 1) end.to = many(local_, hierarchy_.local_index() + 1, local_ranks() - 1);
    }
  }

  // Down a chain of carriers, each of which hands its node's ranks what has come.
  Plan broadcast() {
    builder_.plan().rank_order = true;
    builder_.plan().encodings = query_.codec.lossy ? 1 : 0;
    builder_.cut_shards(1);
    const bool at_root = query_.rank == query_.root;
    const int first_on_node = hierarchy_.carrier_at(0, query_.root);
    std::vector<int> receivers;
    if (query_.rank == first_on_node) {
      const bool last = hierarchy_.distance_from_home(query_.root) == hierarchy_.nodes() - 1;
      if (!last) receivers.push_back(hierarchy_.carrier_at(1, query_.root));
      for (int i = 1; i < local_ranks(); ++i) {
        receivers.push_back(hierarchy_.local()[static_cast<size_t>((hierarchy_.local_index() + i) % local_ranks())]);
      }
    }
    const auto count = static_cast<int>(receivers.size());
    Step& hop = at_root ? builder_.publish("send") : builder_.step(count > 0 ? "recv-send" : "recv");
    hop.shard = one(builder_.identity(1), 0);
    hop.to_output = true;
    if (!at_root) {
      const int source = query_.rank == first_on_node ? hierarchy_.carrier_at(-1, query_.root) : first_on_node;
      hop.from = one(builder_.list({source}), 0);
      hop.from_wire = result_;
    }
    if (count > 0) {
      hop.to = many(builder_.list(std::move(receivers)), 0, count);
      hop.to_wire = result_;
    }
    return builder_.finish(2, {1, hierarchy_.nodes() - 1});
  }

  PlanBuilder builder_;
  const PlanQuery& query_;
  const Hierarchy hierarchy_;
  const Wire result_;
  int self_;     // list of this rank alone: its own shard
  int local_;    // list of the node's ranks
  int carried_;  // list of the carried shards, which is that of their owners too
  int passed_;
  int passed_via_;
  int sources_ = -1;
  int next_ = -1;  // list of the carried shards' next carriers
  int first_ = 0;  // carried shards that start their journey here
};

}  // namespace

bool serves(const topo::Topology& topology, const PlanQuery& query) {
  if (!has_levels(topology)) return false;
  if (query.func == collFuncAllReduce || query.func == collFuncReduceScatter) return !query.codec.lossy;
  return query.func == collFuncAllGather || query.func == collFuncBroadcast;
}

Plan plan(const topo::Topology& topology, const PlanQuery& query) { return HierRing(topology, query).run(); }

}  // namespace coll::hier_ring
