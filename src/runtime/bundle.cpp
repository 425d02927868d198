// Steps that work on bundles of shards (Step::bundles): several travel as one message; what came, or was made of it, is
// held by reference until a later step sends it on, combines it or puts it into the output.
#include <algorithm>
#include <cstring>

#include "runtime/execution.hpp"

namespace coll {

// All of the step's shards in this chunk, as one part: where the first begins, and how many elements they are.
Shard Execution::bundle_part(const Step& step, int round, size_t chunk) const {
  Shard part = plan_->part(plan_->shard_of(step, round), chunk);
  for (int j = 1; j < step.shard.count; ++j) part.count += plan_->part(plan_->shard_at(step, round, j), chunk).count;
  return part;
}

bool Execution::bundle_may_go_out(const ChunkRun& run, const Step& step) const {
  for (int j = 0; j < step.shard.count; ++j) {
    if (!may_write(run, plan_->part(plan_->shard_at(step, run.round, j), run.chunk))) return false;
  }
  return true;
}

Status Execution::work_on_bundle(ChunkRun& run, const Step& step, const Shard& part, size_t messages) {
  const std::vector<Held> came = messages == 1 ? unpack(run, step) : std::vector<Held>();
  if (step.reduce) return reduce_bundle(run, step, part, came);
  const std::vector<Held> parts = messages == 1 ? came : pick_up(run, step);
  put_down(run, step, parts);
  if (step.to.count == 0) return {};
  Value value;
  if (messages == 1) {
    const Incoming& in = run.incoming[run.taken];
    value = {{in.place, in.request.bytes}, in.block};
  } else {
    COLL_TRY(pack(run, step, parts, message_bytes(step.to_wire, part.count), &value));
  }
  return send_all(run, step, part, run.round, value);
}

// The parts of the message that came.
std::vector<Execution::Held> Execution::unpack(const ChunkRun& run, const Step& step) const {
  std::vector<Held> parts;
  parts.reserve(static_cast<size_t>(step.shard.count));
  const Incoming& in = run.incoming[run.taken];
  size_t at = 0;
  for (int j = 0; j < step.shard.count; ++j) {
    const size_t count = plan_->part(plan_->shard_at(step, run.round, j), run.chunk).count;
    parts.push_back({in.data() + at, in.block, step.from_wire, count});
    at += message_bytes(step.from_wire, count);
  }
  return parts;
}

// What this rank has of the step's shards: what is held of them, or the input.
std::vector<Execution::Held> Execution::pick_up(const ChunkRun& run, const Step& step) const {
  std::vector<Held> parts;
  parts.reserve(static_cast<size_t>(step.shard.count));
  for (int j = 0; j < step.shard.count; ++j) {
    const auto shard = static_cast<size_t>(plan_->entry(step.shard, run.round, j));
    const Shard part = plan_->part(plan_->shards[shard], run.chunk);
    const bool held = step.local == Local::kHeld && shard < run.held.size() && run.held[shard].data != nullptr;
    parts.push_back(held ? run.held[shard] : Held{input(part), {}, Wire::kNative, part.count});
  }
  return parts;
}

// Into the output, and among what is held. What is in the output lies there in order, and stays.
void Execution::put_down(ChunkRun& run, const Step& step, const std::vector<Held>& parts) const {
  if (step.hold) run.held.resize(plan_->shards.size());
  for (int j = 0; j < step.shard.count; ++j) {
    const auto shard = static_cast<size_t>(plan_->entry(step.shard, run.round, j));
    const Shard part = plan_->part(plan_->shards[shard], run.chunk);
    const Held& held = parts[static_cast<size_t>(j)];
    if (step.to_output && output(part) != held.data) copy_to_output(held.data, part);
    if (!step.hold) continue;
    run.held[shard] = step.to_output ? Held{output(part), {}, Wire::kNative, part.count} : held;
  }
}

// Adds what came to what this rank has, shard by shard: into the output where that is the result, else into a block of
// sums, which the next step's receivers can read if they are of the node.
Status Execution::reduce_bundle(ChunkRun& run, const Step& step, const Shard& part, const std::vector<Held>& came) {
  std::vector<Held> sums = pick_up(run, step);
  Block block;
  if (!step.to_output) {
    const bool last = run.step + 1 == plan_->steps.size();
    const Step& next = last ? step : plan_->steps[run.step + 1];
    COLL_TRY(take_outgoing(run, next, message_bytes(Wire::kPartial, part.count), &block));
  }
  size_t at = 0;
  for (size_t j = 0; j < sums.size(); ++j) {
    const Shard piece = plan_->part(plan_->shard_at(step, run.round, static_cast<int>(j)), run.chunk);
    Hop hop{call_.type, call_.op, around_.nranks, nullptr, {}, piece.count, step.finish};
    const Contribution both[] = {{sums[j].wire, sums[j].data}, {came[j].wire, came[j].data}};
    if (step.to_output) {
      hop.native = output(piece);
      sums[j] = {output(piece), {}, Wire::kNative, piece.count};
    } else {
      hop.partial = block.data() + at;
      sums[j] = {block.data() + at, block, Wire::kPartial, piece.count};
      at += message_bytes(Wire::kPartial, piece.count);
    }
    if (piece.count > 0) run_timed(hop, both);
  }
  put_down(run, step, sums);
  return {};
}

// One message of all parts. Those that lie one behind the other, as they are to travel, are sent from where they are.
Status Execution::pack(const ChunkRun& run, const Step& step, const std::vector<Held>& parts, size_t bytes,
                       Value* value) {
  const auto travels = [&](const Held& held) {
    return held.wire == step.to_wire || accumulator_of(call_.type) == call_.type;
  };
  const Held* const first = &*std::find_if(parts.begin(), parts.end(), [](const Held& held) { return held.count > 0; });
  bool together = true;
  size_t at = 0;
  for (const Held& held : parts) {
    together &=
        held.count == 0 || (travels(held) && held.data == first->data + at && held.block.data() == first->block.data());
    at += message_bytes(step.to_wire, held.count);
  }
  if (together && !first->block) return send_user_memory(run, step, {first->data, bytes}, value);
  if (together && !around_.checksums) {
    *value = {{first->data, bytes}, first->block};
    return {};
  }
  COLL_TRY(take_outgoing(run, step, bytes, &value->block));
  at = 0;
  for (const Held& held : parts) {
    const size_t some = message_bytes(step.to_wire, held.count);
    if (travels(held)) {
      std::memcpy(value->block.data() + at, held.data, some);
    } else if (held.count > 0) {  // from the user's type to accumulators
      Hop hop{call_.type, call_.op, around_.nranks, nullptr, {}, held.count};
      hop.partial = value->block.data() + at;
      const Contribution only{held.wire, held.data};
      run_timed(hop, {&only, 1});
    }
    at += some;
  }
  value->message = seal(value->block, bytes);
  return {};
}

}  // namespace coll
