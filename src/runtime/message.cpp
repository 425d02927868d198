// Messages of an execution: what they are called, and whether what came is what was due.
#include <algorithm>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "runtime/execution.hpp"

namespace coll {

namespace {

// A message's tag: call (5 bits), whether it gives the message back that has the rest of its tag (1), chunk in flight
// (3), leg (3), shard (17). Calls and chunks that share a tag follow each other on every rank, and transports keep the
// order of equal tags.
constexpr uint32_t kCallBits = 5, kChunkBits = 3, kLegBits = 3, kShardBits = 17;
constexpr uint32_t kIsReturn = 1u << (kShardBits + kLegBits + kChunkBits);
static_assert(kCallBits + 1 + kChunkBits + kLegBits + kShardBits < kTagBits);
static_assert(kChunksInFlight <= 1 << kChunkBits && kMaxLegs <= 1 << kLegBits);
constexpr Leg kAgreementLeg = kMaxLegs - 1;  // plans use the legs below it

uint32_t tag_of(uint64_t sequence, size_t chunk, Leg leg, int shard) {
  const auto call = static_cast<uint32_t>(sequence % (1u << kCallBits));
  const auto slot = static_cast<uint32_t>(chunk % kChunksInFlight);
  return (((call << (kChunkBits + 1) | slot) << kLegBits | leg) << kShardBits) | static_cast<uint32_t>(shard);
}

}  // namespace

uint32_t Execution::agreement_tag() const { return tag_of(sequence_, 0, kAgreementLeg, 0); }

uint32_t Execution::tag(const ChunkRun& run, Leg leg, int shard) const {
  if (introduction_) return transfer_data_tag(static_cast<uint32_t>(run.chunk % kChunksInFlight));
  return tag_of(sequence_, run.chunk, leg, shard);
}

uint32_t Execution::return_tag(const ChunkRun& run, Leg leg, int shard) const {
  return tag(run, leg, shard) | kIsReturn;
}

// The block's message as it is sent: with a checksum behind it where messages have one.
std::span<const std::byte> Execution::seal(const Block& block, size_t bytes) const {
  if (!around_.checksums) return {block.data(), bytes};
  const uint64_t checksum = XXH3_64bits(block.data(), bytes);
  std::memcpy(block.data() + bytes, &checksum, kChecksumBytes);
  return {block.data(), bytes + kChecksumBytes};
}

Status Execution::verify(const Incoming& in, const Step& step) const {
  const size_t due = message_bytes(in.wire, in.part.count);
  const size_t extra = around_.checksums ? kChecksumBytes : 0;
  const size_t bytes = in.request.bytes - std::min(extra, in.request.bytes);
  const bool sized = in.wire == Wire::kCoded && !call_.codec->traits().fixed_size ? bytes <= due : bytes == due;
  if (in.request.truncated || !sized) {
    return damaged(
        in, step,
        text("has ", in.request.bytes, " bytes", in.request.truncated ? " or more" : "", " instead of ", due + extra));
  }
  if (around_.checksums) {
    uint64_t sent = 0;
    std::memcpy(&sent, in.data() + bytes, kChecksumBytes);
    if (sent != XXH3_64bits(in.data(), bytes)) return damaged(in, step, "does not have the checksum it was sent with");
  }
  if (in.wire != Wire::kCoded) return {};
  if (const Status valid = call_.codec->validate({in.data(), bytes}, in.part.count); !valid.ok()) {
    return damaged(in, step, text("is not a message of codec ", call_.codec->spec(), ": ", valid.message()));
  }
  return {};
}

Status Execution::damaged(const Incoming& in, const Step& step, const std::string& how) const {
  return {collCorruptData,
          text("rank ", in.peer, "'s message for elements ", in.part.offset, " to ", in.part.offset + in.part.count,
               " (shard ", in.shard, ", step ", std::string(step.what), ") ", how)};
}

}  // namespace coll
