// Where an execution's messages lie: in the user's memory, in the output where they stay, in memory that receivers read
// where it lies, or in staging memory.
#include "collectives/planner.hpp"
#include "runtime/execution.hpp"

namespace coll {

namespace {

// Shorter messages are copied: that costs less than giving their memory back.
constexpr size_t kLeastLentBytes = 4096;

}  // namespace

// Whether the step's message can come where it stays. Not where it might come after the call has failed, when the
// output is the program's again, or while what lies there is still to be sent.
bool Execution::received_in_output(const Step& step, const Shard& part, int peer) const {
  if (!step.to_output || step.reduce || step.bundles() || step.from.count != 1 || step.from_wire != Wire::kNative ||
      around_.checksums || !around_.fabric->to(peer).receives_in_calls()) {
    return false;
  }
  return call_.send == nullptr ||
         !overlap(output(part), part.count * size_of(call_.type), call_.send, input_bytes(call_, around_.nranks));
}

Status Execution::take_block(size_t bytes, Block* block) const {
  *block = around_.staging->take(bytes + kChecksumBytes);
  if (*block) return {};
  return {collSystemError,
          text("no memory for ", bytes, " bytes of staging; lower COLL_BUFFSIZE or COLL_CHUNK_BYTES, or free memory")};
}

// Whether a receiver of the step reads this memory of the user's where it lies.
bool Execution::lends_user_memory(const ChunkRun& run, const Step& step, std::span<const std::byte> memory) const {
  if (around_.checksums) return false;
  for (int j = 0; j < step.to.count; ++j) {
    const int peer = plan_->entry(step.to, run.round, j);
    if (peer != around_.rank && around_.fabric->to(peer).lends(peer, memory, is_copied(step))) return true;
  }
  return false;
}

// Whether the receivers of what the step sends do nothing but copy it. A result that is made here is still in the
// caches, from where a copy of it for the receivers costs less than their way to it.
bool Execution::is_copied(const Step& step) const {
  return step.to_wire == Wire::kNative && !step.reduce && (!reduces(plan_->func) || step.from.count > 0);
}

// Whether this rank makes the shard's result itself. In place, peers then have to have copies of its input: lent, it
// would stay until they have read it, while they wait likewise for this rank.
bool Execution::reduces_into(int shard) const {
  for (const Step& step : plan_->steps) {
    for (int round = 0; step.reduce && step.to_output && round < step.rounds; ++round) {
      if (plan_->entry(step.shard, round, 0) == shard) return true;
    }
  }
  return false;
}

// A block that a receiver of the step reads where it lies; empty where there is none, or where a copy costs less.
Block Execution::take_lent(const ChunkRun& run, const Step& step, size_t bytes) const {
  if (bytes < kLeastLentBytes) return {};
  for (int j = 0; j < step.to.count; ++j) {
    const int peer = plan_->entry(step.to, run.round, j);
    if (peer == around_.rank) continue;
    if (Arena* const arena = around_.fabric->arena(peer)) return arena->take(bytes + kChecksumBytes);
  }
  return {};
}

Status Execution::take_outgoing(const ChunkRun& run, const Step& step, size_t bytes, Block* block) const {
  *block = take_lent(run, step, bytes);
  return *block ? Status() : take_block(bytes, block);
}

}  // namespace coll
