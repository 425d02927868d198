#include "collectives/carrier_plan.hpp"

namespace coll {

namespace {

enum : Leg { kUp = 0, kDown = 1 };

}  // namespace

CarrierPlan::CarrierPlan(std::string_view algorithm, const topo::Topology& topology, const PlanQuery& query,
                         Grouping grouping)
    : rank_(query.rank),
      levels_(topology, grouping),
      builder_(algorithm, topology, query),
      query_(query),
      result_(builder_.coded_or(Wire::kNative)) {
  for (int level = 1; level <= levels_.top(); ++level) {
    if (members(level).size() > 1) stages_.push_back(level);
  }
  sort_shards(topology);
  for (int stage = 0; stage < stages(); ++stage) {
    Carried& carried = carried_[static_cast<size_t>(stage)];
    carried.list = shard_list(carried.shards);
    carried.parents = parent_list(carried.shards, stage);
  }
}

// By how far the owners are, and of those that are equally far by their nodes, the ones before this one's first.
void CarrierPlan::sort_shards(const topo::Topology& topology) {
  std::vector<Shards> by_distance(static_cast<size_t>(levels_.top()) + 1);
  const auto add = [&](int owner) { by_distance[static_cast<size_t>(levels_.common(rank_, owner))].push_back(owner); };
  const int node = topology.node_of[static_cast<size_t>(rank_)];
  const auto nodes = static_cast<int>(topology.nodes.size());
  for (int back = 0; back < nodes && query_.func != collFuncBroadcast; ++back) {
    for (const int owner : topology.nodes[static_cast<size_t>((node - back + nodes) % nodes)].ranks) add(owner);
  }
  if (query_.func == collFuncBroadcast) add(query_.root);

  carried_.resize(stages_.size() + 1);
  const auto last_stage = [&](int owner) {
    const int height = levels_.height(rank_, owner);
    size_t stage = 0;
    while (stage < stages_.size() && stages_[stage] <= height) ++stage;
    return stage;
  };
  for (int distance = levels_.top(); distance >= 0; --distance) {
    const size_t before = carried_[0].shards.size();
    for (const int owner : by_distance[static_cast<size_t>(distance)]) {
      carried_[last_stage(owner)].shards.push_back(owner);
    }
    if (carried_[0].shards.size() > before) nearest_ = static_cast<int>(carried_[0].shards.size() - before);
  }
}

Plan CarrierPlan::run() {
  builder_.cut_shards(query_.func == collFuncBroadcast ? 1 : builder_.plan().nranks);
  builder_.plan().rank_order = !reduces(query_.func);
  builder_.plan().encodings = query_.codec.lossy ? (query_.func == collFuncAllReduce ? 2 : 1) : 0;
  if (reduces(query_.func)) {
    contribute();
    for (int stage = 1; stage < stages(); ++stage) add_up(stage);
    finish_own();
  } else if (!carried(stages()).shards.empty()) {
    send_result(builder_.publish("send"));
  }
  if (query_.func == collFuncReduce) {
    receive_as_root();
  } else if (query_.func != collFuncReduceScatter) {
    for (int stage = stages() - 1; stage > 0; --stage) hand_down(stage);
    receive_results();
  }
  return done();
}

// Sums are partial. Between nodes they travel coded where a codec is named; single ranks have their data as it is.
Wire CarrierPlan::wire_into(int level) const {
  if (level > levels_.in_node()) return builder_.coded_or(Wire::kPartial);
  return level == 1 ? Wire::kNative : Wire::kPartial;
}

int CarrierPlan::shard_list(const Shards& shards) {
  return builder_.list(query_.func == collFuncBroadcast ? std::vector<int>(shards.size(), 0) : shards);
}

// For each shard whom this rank deals with at the stage after its last: the carrier in the larger group.
int CarrierPlan::parent_list(const Shards& shards, int stage) {
  const int level = level_of(stage + 1);
  std::vector<int> parents;
  parents.reserve(shards.size());
  for (const int shard : shards) parents.push_back(levels_.carrier(level, levels_.group_of(level, rank_), shard));
  return builder_.list(std::move(parents));
}

// For each shard its carriers in all the members of this rank's group, itself among them.
int CarrierPlan::source_list(const Shards& shards, int level) {
  std::vector<int> sources;
  sources.reserve(shards.size() * members(level).size());
  for (const int shard : shards) {
    for (const int member : members(level)) sources.push_back(levels_.carrier(level - 1, member, shard));
  }
  return builder_.list(std::move(sources));
}

CarrierPlan::Shards CarrierPlan::carried_beyond(int stage) const {
  Shards shards;
  for (int later = stage + 1; later <= stages(); ++later) {
    shards.insert(shards.end(), carried(later).shards.begin(), carried(later).shards.end());
  }
  return shards;
}

// A rank's own data, to the carriers in the smallest group that has others in it.
void CarrierPlan::contribute() {
  if (carried(0).shards.empty()) return;
  Step& send = builder_.step("send", static_cast<int>(carried(0).shards.size()));
  send.shard = each(carried(0).list, 0);
  send.local = Local::kInput;
  send_up(0, send);
}

void CarrierPlan::send_up(int stage, Step& step) const {
  step.to = each(carried(stage).parents, 0);
  step.to_wire = wire_into(level_of(stage + 1));
  step.to_leg = kUp;
}

// What this rank's group has of the shards, in the order of its members.
void CarrierPlan::take(const Shards& shards, int stage, Step& step) {
  const int level = level_of(stage);
  const auto sources = static_cast<int>(members(level).size());
  step.shard = each(shard_list(shards), 0);
  step.from = level == 1 ? many(builder_.list(members(1)), 0, sources) : window(source_list(shards, level), 0, sources);
  step.from_wire = wire_into(level);
  step.from_leg = kUp;
  step.local = stage == 1 ? Local::kInput : Local::kSlot;
  step.reduce = true;
}

// One stage: the sums that end their way through this rank go on, the others are kept for the next stage.
void CarrierPlan::add_up(int stage) {
  const int first_kept = builder_.plan().slots;  // of this stage; those of the stage before are in front of them
  const Shards kept = carried_beyond(stage);
  const Shards& leaving = carried(stage).shards;
  const auto from_slot = [&](Step& step, size_t at) {
    if (stage > 1) step.local_slot = first_kept - static_cast<int>(leaving.size() + kept.size() - at);
    step.slots_per_round = 1;
  };
  if (!leaving.empty()) {
    Step& sum = builder_.step("recv-reduce-send", static_cast<int>(leaving.size()));
    take(leaving, stage, sum);
    from_slot(sum, 0);
    send_up(stage, sum);
  }
  if (kept.empty()) return;
  Step& sum = builder_.step("recv-reduce", static_cast<int>(kept.size()));
  take(kept, stage, sum);
  from_slot(sum, leaving.size());
  sum.keep_slot = first_kept;
  builder_.plan().slots += static_cast<int>(kept.size());
}

// The last stage, which only the owner's sum reaches.
void CarrierPlan::finish_own() {
  Step& combine = builder_.step("recv-reduce");
  take({rank_}, stages(), combine);
  combine.local_slot = stages() > 1 ? builder_.plan().slots - 1 : -1;
  combine.finish = true;
  combine.to_output = query_.func != collFuncReduce || rank_ == query_.root;
  if (query_.func == collFuncReduceScatter || (query_.func == collFuncReduce && rank_ == query_.root)) return;
  combine.what = "recv-reduce-send";
  if (query_.func != collFuncReduce) return send_result(combine);
  combine.to = one(builder_.list({query_.root}), 0);
  combine.to_leg = kDown;
}

// Who gets the shard from this rank: its carriers in the other members of all the groups up to a stage, the largest
// group's first, and there the one after this rank's own first.
std::vector<int> CarrierPlan::receivers_of(int shard, int stage) const {
  std::vector<int> receivers;
  for (; stage > 0; --stage) {
    const int level = level_of(stage);
    const std::vector<int>& all = members(level);
    const auto own = static_cast<size_t>(position(all, levels_.group_of(level - 1, rank_)));
    for (size_t i = 1; i < all.size(); ++i) {
      receivers.push_back(levels_.carrier(level - 1, all[(own + i) % all.size()], shard));
    }
  }
  return receivers;
}

void CarrierPlan::send_result(Step& step) {
  const int owner = query_.func == collFuncBroadcast ? query_.root : rank_;
  std::vector<int> receivers = receivers_of(owner, stages());
  const auto count = static_cast<int>(receivers.size());
  step.shard = one(shard_list({owner}), 0);
  step.to = many(builder_.list(std::move(receivers)), 0, count);
  step.to_wire = result_;
  step.to_leg = kDown;
}

void CarrierPlan::take_results(int stage, Step& step) const {
  step.shard = each(carried(stage).list, 0);
  step.from = each(carried(stage).parents, 0);
  step.from_wire = result_;
  step.from_leg = kDown;
  step.to_output = true;
}

// Results come from the carrier in the larger group and go to the carriers in the smaller ones, as they are.
void CarrierPlan::hand_down(int stage) {
  const Shards& shards = carried(stage).shards;
  if (shards.empty()) return;
  Step& hop = builder_.step("recv-send", static_cast<int>(shards.size()));
  take_results(stage, hop);
  hop.to_wire = result_;
  hop.to_leg = kDown;
  if (level_of(stage) == 1) {  // the same ranks for all shards
    const auto all = static_cast<int>(members(1).size());
    hop.to = many(builder_.list(members(1)), position(members(1), rank_) + 1, all - 1);
    return;
  }
  std::vector<int> receivers;
  for (const int shard : shards) {
    const std::vector<int> some = receivers_of(shard, stage);
    receivers.insert(receivers.end(), some.begin(), some.end());
  }
  const auto count = static_cast<int>(receivers.size() / shards.size());
  hop.to = window(builder_.list(std::move(receivers)), 0, count);
}

// The nearest owners' first, as those are done first.
void CarrierPlan::receive_results() {
  const auto count = static_cast<int>(carried(0).shards.size());
  if (count == 0) return;
  Step& step = builder_.step("recv", count);
  take_results(0, step);
  step.shard.first = step.from.first = count - nearest_;
}

// The root of a reduce gets every result from the shard's owner.
void CarrierPlan::receive_as_root() {
  if (rank_ != query_.root) return;
  const int n = builder_.plan().nranks;
  Step& receive = builder_.step("recv", n - 1);
  receive.shard = receive.from = each(builder_.identity(n), rank_ - 1, -1);
  receive.from_leg = kDown;
  receive.to_output = true;
}

// A piece is in memory as what comes and as what is made of it, on every level.
Plan CarrierPlan::done() {
  constexpr double kStagingOfLevel = 2;
  const bool there_and_back = query_.func == collFuncAllReduce;
  const int halves = there_and_back ? 2 : 1;
  Hops hops = {halves * levels_.in_node(), halves * (levels_.top() - levels_.in_node())};
  if (query_.func == collFuncReduce) ++(levels_.top() > levels_.in_node() ? hops.between_nodes : hops.in_node);
  return builder_.finish(kStagingOfLevel * (query_.func == collFuncBroadcast ? 1 : levels_.top()), hops);
}

}  // namespace coll
