#include "collectives/check_execution.hpp"

#include <algorithm>

#include "collectives/build.hpp"
#include "collectives/check_shape.hpp"

namespace coll {

namespace {
std::string_view wire_name(Wire wire) { return kWireNames[static_cast<size_t>(wire)]; }
}  // namespace

SymbolicRun::SymbolicRun(std::span<const Plan> plans, const PlanQuery& query, size_t chunk)
    : plans_(plans),
      query_(query),
      chunk_(chunk),
      nranks_(static_cast<int>(plans.size())),
      nshards_(plans[0].shards.size()),
      values_(nranks_),
      actors_(plans.size()) {
  for (int rank = 0; rank < nranks_; ++rank) {
    Actor& actor = actors_[static_cast<size_t>(rank)];
    actor.slots.assign(static_cast<size_t>(plan(rank).slots), kNoValue);
    actor.held.assign(nshards_, kNoValue);
    actor.output.assign(nshards_, kNoValue);
    ready_.push_back(rank);
  }
}

std::string SymbolicRun::run() {
  while (!ready_.empty() && error_.empty()) {
    const int rank = ready_.front();
    ready_.pop_front();
    while (error_.empty() && advance(rank)) {
    }
  }
  if (error_.empty()) check_all_done();
  if (error_.empty()) check_messages();
  return error_;
}

uint64_t SymbolicRun::key(int from, int to, Leg leg, int shard) const {
  const uint64_t pair = static_cast<uint64_t>(from) * static_cast<uint64_t>(nranks_) + static_cast<uint64_t>(to);
  return (pair * kMaxLegs + leg) * nshards_ + static_cast<uint64_t>(shard);
}

// Runs one round of the rank's current step; false where it has to wait, is through, or failed.
bool SymbolicRun::advance(int rank) {
  Actor& at = actor(rank);
  const Plan& p = plan(rank);
  if (at.step == p.steps.size()) return false;
  const Step& step = p.steps[at.step];
  if (any_present(p, step, at.round)) {
    const int shard = p.entry(step.shard, at.round, 0);
    if (!(step.bundles() ? bundle(rank, step) : work(rank, step, shard))) return false;
  }
  at.gathered = 0;
  at.local_placed = false;
  at.parts.clear();
  if (++at.round == step.rounds) {
    at.round = 0;
    ++at.step;
  }
  return true;
}

// Messages of shards that have no part in the chunk are left out; those of a bundle, where none of its shards has one.
bool SymbolicRun::any_present(const Plan& plan, const Step& step, int round) const {
  for (int j = 0; j < step.shard.count; ++j) {
    if (present(plan.shard_at(step, round, j))) return true;
  }
  return false;
}

bool SymbolicRun::work(int rank, const Step& step, int shard) {
  if (!gather(rank, step, shard)) return false;
  const ValueId value = combine(rank, step);
  return value != kNoValue && emit(rank, step, shard, value);
}

// The message of a peer; false where it is not here yet, or is wrong.
bool SymbolicRun::take(int rank, const Step& step, int peer, int shard, std::vector<ValueId>* values) {
  const uint64_t name = key(peer, rank, step.from_leg, shard);
  const auto found = messages_.find(name);
  if (found == messages_.end()) {
    waiting_[name] = rank;
    return false;
  }
  Message& message = found->second;
  if (message.received) return fail(rank, "receives shard ", shard, " from rank ", peer, " a second time");
  if (message.wire != step.from_wire) {
    return fail(rank, "expects shard ", shard, " from rank ", peer, " as ", wire_name(step.from_wire),
                ", but it is sent as ", wire_name(message.wire));
  }
  if (message.values.size() != static_cast<size_t>(step.shard.count)) {
    return fail(rank, "expects ", step.shard.count, " shards from rank ", peer, ", but ", message.values.size(),
                " are sent");
  }
  message.received = true;
  *values = message.values;
  return true;
}

// In: takes what has come until something is missing.
bool SymbolicRun::gather(int rank, const Step& step, int shard) {
  Actor& at = actor(rank);
  for (; at.gathered < step.from.count; ++at.gathered) {
    const int peer = plan(rank).entry(step.from, at.round, at.gathered);
    if (peer == rank) {
      if (at.local_placed) return fail(rank, "names its own contribution twice");
      const ValueId own = local(rank, step, shard);
      if (own == kNoValue) return false;
      at.parts.push_back(own);
      at.local_placed = true;
      continue;
    }
    std::vector<ValueId> values;
    if (!take(rank, step, peer, shard, &values)) return false;
    at.parts.push_back(values.front());
  }
  if (step.local == Local::kNone || at.local_placed) return true;
  const ValueId own = local(rank, step, shard);
  if (own == kNoValue) return false;
  at.parts.insert(at.parts.begin(), own);
  return true;
}

ValueId SymbolicRun::local(int rank, const Step& step, int shard) {
  if (step.local == Local::kInput) return local_input(rank, step, shard);
  if (step.local == Local::kNone) {
    fail(rank, "names itself as a source, but has no local contribution");
    return kNoValue;
  }
  const size_t slot = Plan::slot_of(step, step.local_slot, actor(rank).round);
  const ValueId kept = actor(rank).slots[slot];
  if (kept != kNoValue && values_[kept].shard == shard) return kept;
  fail(rank, "reads slot ", slot, ", which does not hold shard ", shard);
  return kNoValue;
}

ValueId SymbolicRun::local_input(int rank, const Step& step, int shard) {
  const Plan& p = plan(rank);
  const Shard& range = p.shards[static_cast<size_t>(shard)];
  const bool inside =
      range.offset >= p.input_origin && range.offset + range.count <= p.input_origin + input_elements(p, query_);
  if (!inside) {
    fail(rank, "reads shard ", shard, ", which is not in its input");
    return kNoValue;
  }
  if (output(rank, static_cast<size_t>(shard)) != kNoValue) {
    fail(rank, "reads its input of shard ", shard, " after the output may have taken its place");
    return kNoValue;
  }
  const ValueId own = values_.input(rank, shard);
  return step.code_local ? values_.code(own, rank) : own;
}

// The value of the step's contributions.
ValueId SymbolicRun::combine(int rank, const Step& step) {
  const std::vector<ValueId>& parts = actor(rank).parts;
  const auto refuse = [&](const auto&... why) {
    fail(rank, why...);
    return kNoValue;
  };
  if (parts.empty()) return refuse("has nothing to work on");
  if ((parts.size() > 1) != step.reduce) {
    return refuse("has ", parts.size(), " contributions and reduces ", step.reduce ? "them" : "none");
  }
  ValueId value = parts.front();
  if (step.reduce) {
    if (!reduces(query_.func)) return refuse("reduces in a collective that does not");
    for (const ValueId part : parts) {
      if (values_[part].finished) return refuse("reduces a value that is finished");
    }
    int twice = -1;
    value = values_.reduce(parts, &twice);
    if (value == kNoValue) return refuse("counts the contribution of rank ", twice, " twice");
  }
  if (!step.finish) return value;
  return values_[value].finished ? refuse("finishes a value twice") : values_.finish(value);
}

bool SymbolicRun::has_receiver(int rank, const Step& step) {
  for (int j = 0; j < step.to.count; ++j) {
    if (plan(rank).entry(step.to, actor(rank).round, j) != rank) return true;
  }
  return false;
}

// Out: to the output, to a slot, to other ranks.
bool SymbolicRun::emit(int rank, const Step& step, int shard, ValueId value) {
  const bool sends = has_receiver(rank, step);
  if (!sends && !step.to_output && step.keep_slot < 0) return fail(rank, "makes a value that goes nowhere");
  ValueId sent = value;
  if (sends && !check_wire(rank, step, value)) return false;
  if (sends && step.to_wire == Wire::kCoded) {
    const bool passed_on = step.local == Local::kNone && !step.reduce && !step.finish && step.from_wire == Wire::kCoded;
    if (!passed_on) sent = values_.code(value, rank);
    if (step.finish) value = sent;  // this rank, too, uses what the bytes decode to
  }
  if (step.to_output && !write_output(rank, shard, value)) return false;
  if (step.keep_slot >= 0) {
    const size_t slot = Plan::slot_of(step, step.keep_slot, actor(rank).round);
    ValueId& kept = actor(rank).slots[slot];
    if (kept != kNoValue) return fail(rank, "writes slot ", slot, " a second time");
    kept = value;
  }
  return !sends || send(rank, step, shard, {sent});
}

bool SymbolicRun::check_wire(int rank, const Step& step, ValueId id) {
  const Value& value = values_[id];
  if (step.to_wire == Wire::kCoded && !query_.codec.lossy) return fail(rank, "codes a message of an exact call");
  if (step.to_wire == Wire::kPartial && value.finished) return fail(rank, "sends a finished value as a partial sum");
  if (step.to_wire == Wire::kNative && !value.finished && value.kind != ValueKind::kInput) {
    return fail(rank, "rounds a sum to the user's type before it is finished");
  }
  return true;
}

bool SymbolicRun::write_output(int rank, int shard, ValueId value) {
  const Plan& p = plan(rank);
  const Shard& range = p.shards[static_cast<size_t>(shard)];
  if (range.offset < p.output_origin || range.offset + range.count > p.output_origin + output_elements(p, query_)) {
    return fail(rank, "writes shard ", shard, ", which is not in its output");
  }
  ValueId& output = actor(rank).output[static_cast<size_t>(shard)];
  if (output != kNoValue) return fail(rank, "writes shard ", shard, " to its output a second time");
  output = value;
  return true;
}

bool SymbolicRun::send(int rank, const Step& step, int shard, const std::vector<ValueId>& values) {
  for (int j = 0; j < step.to.count; ++j) {
    const int peer = plan(rank).entry(step.to, actor(rank).round, j);
    if (peer == rank) continue;
    const uint64_t name = key(rank, peer, step.to_leg, shard);
    if (!messages_.try_emplace(name, Message{values, step.to_wire}).second) {
      return fail(rank, "sends a second message of shard ", shard, " on leg ", step.to_leg, " to rank ", peer);
    }
    if (const auto waiter = waiting_.find(name); waiter != waiting_.end()) {
      ready_.push_back(waiter->second);
      waiting_.erase(waiter);
    }
  }
  return true;
}

// Whether a rank that is not through yet still has this message to send.
bool SymbolicRun::will_send(int rank, int to, Leg leg, int shard) {
  const Plan& p = plan(rank);
  const Actor& at = actor(rank);
  for (size_t i = at.step; i < p.steps.size(); ++i) {
    const Step& step = p.steps[i];
    for (int round = i == at.step ? at.round : 0; round < step.rounds && step.to_leg == leg; ++round) {
      if (p.entry(step.shard, round, 0) != shard) continue;
      for (int j = 0; j < step.to.count; ++j) {
        if (p.entry(step.to, round, j) == to) return true;
      }
    }
  }
  return false;
}

// A message that nobody sends explains more than the ranks that wait for one another because of it.
void SymbolicRun::check_all_done() {
  for (const bool lost : {true, false}) {
    for (int rank = 0; rank < nranks_; ++rank) {
      const Actor& at = actor(rank);
      if (at.step == plan(rank).steps.size()) continue;
      const Step& step = plan(rank).steps[at.step];
      const int peer = plan(rank).entry(step.from, at.round, at.gathered);
      const int shard = plan(rank).entry(step.shard, at.round, 0);
      if (lost && will_send(peer, rank, step.from_leg, shard)) continue;
      fail(rank, "waits forever for shard ", shard, " on leg ", step.from_leg, " from rank ", peer,
           lost ? ", which never sends it" : ", which waits too");
      return;
    }
  }
}

void SymbolicRun::check_messages() {
  uint64_t lost = UINT64_MAX;
  for (const auto& [name, message] : messages_) {
    if (!message.received) lost = std::min(lost, name);
  }
  if (lost == UINT64_MAX) return;
  const uint64_t pair = lost / nshards_ / kMaxLegs;
  const auto n = static_cast<uint64_t>(nranks_);
  error_ = text("rank ", pair / n, " sends shard ", lost % nshards_, " on leg ", lost / nshards_ % kMaxLegs,
                " to rank ", pair % n, ", which never receives it");
}

}  // namespace coll
