// Steps that move shards as they are (Step::moves): several of them travel as one message, and what came is kept by
// reference until a later step sends it on or puts it into the output.
#include <algorithm>
#include <cstring>

#include "runtime/execution.hpp"

namespace coll {

// All of the step's shards in this chunk, as one part: where the first begins, and how many elements they are.
Shard Execution::bundle_part(const Step& step, int round, size_t chunk) const {
  Shard part = plan_->part(plan_->shard_of(step, round), chunk);
  part.count *= static_cast<size_t>(step.shard.count);  // they are alike
  return part;
}

bool Execution::bundle_may_go_out(const ChunkRun& run, const Step& step) const {
  for (int j = 0; j < step.shard.count; ++j) {
    if (!may_write(run, plan_->part(plan_->shard_at(step, run.round, j), run.chunk))) return false;
  }
  return true;
}

Status Execution::move(ChunkRun& run, const Step& step, const Shard& part, size_t messages) {
  const std::vector<Held> parts = pick_up(run, step, messages);
  put_down(run, step, parts);
  if (step.to.count == 0) return {};
  Value value;
  const size_t bytes = part.count * size_of(call_.type);
  if (messages == 1) {
    const Incoming& in = run.incoming[run.taken];
    value = {{in.place, in.request.bytes}, in.block};
  } else {
    COLL_TRY(pack(run, step, parts, bytes, &value));
  }
  return send_all(run, step, part, value);
}

// Where each of the step's parts is: in the message that came, among what is held, or in the input.
std::vector<Execution::Held> Execution::pick_up(ChunkRun& run, const Step& step, size_t messages) const {
  std::vector<Held> parts;
  parts.reserve(static_cast<size_t>(step.shard.count));
  const Incoming* const in = messages == 1 ? &run.incoming[run.taken] : nullptr;
  size_t at = 0;
  for (int j = 0; j < step.shard.count; ++j) {
    const auto shard = static_cast<size_t>(plan_->entry(step.shard, run.round, j));
    const Shard part = plan_->part(plan_->shards[shard], run.chunk);
    if (in != nullptr) {
      parts.push_back({in->data() + at, in->block});
      at += part.count * size_of(call_.type);
    } else if (step.local == Local::kHeld && shard < run.held.size() && run.held[shard].data != nullptr) {
      parts.push_back(run.held[shard]);
    } else {
      parts.push_back({input(part), {}});
    }
  }
  return parts;
}

// Into the output, and among what is held.
void Execution::put_down(ChunkRun& run, const Step& step, const std::vector<Held>& parts) const {
  if (step.hold) run.held.resize(plan_->shards.size());
  for (int j = 0; j < step.shard.count; ++j) {
    const auto shard = static_cast<size_t>(plan_->entry(step.shard, run.round, j));
    const Shard part = plan_->part(plan_->shards[shard], run.chunk);
    const Held& held = parts[static_cast<size_t>(j)];
    if (step.to_output && output(part) != held.data) copy_to_output(held.data, part);
    if (step.hold) run.held[shard] = held;
  }
}

// One message of all parts. Those that lie one behind the other are sent from where they are.
Status Execution::pack(const ChunkRun& run, const Step& step, const std::vector<Held>& parts, size_t bytes,
                       Value* value) {
  const size_t each = bytes / parts.size();
  const std::byte* const begin = parts.front().data;
  const Block& block = parts.front().block;
  bool together = true;
  for (size_t j = 0; j < parts.size(); ++j) {
    together &= parts[j].data == begin + j * each && parts[j].block.data() == block.data();
  }
  if (together && !block) return send_user_memory(run, step, {begin, bytes}, value);
  if (together && !around_.checksums) {
    *value = {{begin, bytes}, block};
    return {};
  }
  COLL_TRY(take_outgoing(run, step, bytes, &value->block));
  for (size_t j = 0; j < parts.size(); ++j) std::memcpy(value->block.data() + j * each, parts[j].data, each);
  seal(value->block, bytes);
  value->message = {value->block.data(), bytes};
  if (around_.checksums) value->message = {value->block.data(), bytes + sizeof(uint64_t)};
  return {};
}

}  // namespace coll
