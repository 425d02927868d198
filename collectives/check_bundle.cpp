// Steps that work on bundles of shards (Step::bundles), on symbolic values.
#include "collectives/check_execution.hpp"

namespace coll {

bool SymbolicRun::bundle(int rank, const Step& step) {
  Actor& at = actor(rank);
  const Plan& p = plan(rank);
  const int first = p.entry(step.shard, at.round, 0);
  std::vector<ValueId> came;
  std::vector<ValueId> own;
  if (step.from.count == 1 && !take(rank, step, p.entry(step.from, at.round, 0), first, &came)) return false;
  if (step.local != Local::kNone && !pick_up(rank, step, &own)) return false;
  const bool sends = has_receiver(rank, step);
  if (!sends && !step.to_output && !step.hold) return fail(rank, "makes a value that goes nowhere");
  std::vector<ValueId> values;
  for (int j = 0; j < step.shard.count; ++j) {
    const auto index = static_cast<size_t>(j);
    const int shard = p.entry(step.shard, at.round, j);
    values.push_back(kNoValue);
    if (!present(p.shards[static_cast<size_t>(shard)])) continue;
    at.parts.clear();
    if (!own.empty()) at.parts.push_back(own[index]);
    if (!came.empty()) at.parts.push_back(came[index]);
    const ValueId value = combine(rank, step);
    if (value == kNoValue || !put_down(rank, step, shard, value)) return false;
    values.back() = value;
  }
  return !sends || send(rank, step, first, values);
}

// What this rank has of the step's shards.
bool SymbolicRun::pick_up(int rank, const Step& step, std::vector<ValueId>* values) {
  const Actor& at = actor(rank);
  for (int j = 0; j < step.shard.count; ++j) {
    const int shard = plan(rank).entry(step.shard, at.round, j);
    values->push_back(kNoValue);
    if (!present(plan(rank).shards[static_cast<size_t>(shard)])) continue;
    const ValueId held = at.held[static_cast<size_t>(shard)];
    const bool from_input = step.local == Local::kInput || held == kNoValue;
    values->back() = from_input ? local_input(rank, step, shard) : held;
    if (values->back() == kNoValue) return false;
  }
  return true;
}

bool SymbolicRun::put_down(int rank, const Step& step, int shard, ValueId value) {
  if (values_[value].shard != shard) return fail(rank, "has shard ", values_[value].shard, " in place of ", shard);
  if (has_receiver(rank, step) && !check_wire(rank, step, value)) return false;
  if (step.to_output && !write_output(rank, shard, value)) return false;
  if (step.hold) actor(rank).held[static_cast<size_t>(shard)] = value;
  return true;
}

}  // namespace coll
