#include "runtime/settling.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "reduce/magnitude.hpp"

namespace coll {

namespace {

// Tags of their own, above those of executions. Calls that share one follow each other on every rank.
constexpr uint32_t kSettlingTag = 1u << (kTagBits - 2);
constexpr uint32_t kCalls = 32;   // more than can be pending at a time
constexpr uint32_t kRounds = 32;  // more than 2^31 ranks need

uint32_t tag_of(uint64_t sequence) { return kSettlingTag + static_cast<uint32_t>(sequence % kCalls) * kRounds; }

bool adds_up(const Call& call) {
  const bool reduces = call.function == Function::kAllReduce || call.function == Function::kReduceScatter;
  return reduces && call.op == collSum;
}

// Of what this rank contributes, rounded up.
float own_magnitude(const Call& call, const Surroundings& around) {
  if (call.function == Function::kBroadcast && call.root != around.rank) return 0;
  double exact = reduce::largest_magnitude(call.type, call.send, input_count(call, around.nranks));
  if (call.scale) exact *= reduce::largest_magnitude(call.type, static_cast<const std::byte*>(call.scale->scalar()), 1);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (exact > std::numeric_limits<float>::max()) return kInfinity;
  const auto rounded = static_cast<float>(exact);
  return rounded < exact ? std::nextafter(rounded, kInfinity) : rounded;
}

}  // namespace

bool needs_settling(const Call& call, int nranks) {
  if (!call.codec || !call.codec->traits().asks_magnitude || nranks == 1 || call.count == 0) return false;
  const auto candidates = call.codec->candidates();
  return std::any_of(candidates.begin(), candidates.end(), [&call](const Candidate& candidate) {
    return candidate.codec->supports(call.type).ok() && candidate.codec->supports(call.op).ok();
  });
}

Settling::Settling(const Surroundings& around, const Call& call, uint64_t sequence)
    : around_(around), call_(call), sequence_(sequence) {}

Status Settling::advance(bool* moved, bool* done) {
  if (!agreement_) {
    Fingerprint print = fingerprint_of(call_, sequence_, around_.rank);
    print.magnitude = own_magnitude(call_, around_);
    agreement_.emplace(*around_.fabric, print, around_.nranks, tag_of(sequence_));
    *moved = true;
  }
  COLL_TRY(agreement_->advance(moved, done));
  return *done ? agreement_->verdict() : Status();
}

Call Settling::settled() const {
  Call call = call_;
  const double largest = agreement_->largest_magnitude();
  call.codec = call_.codec->settled(adds_up(call_) ? largest * around_.nranks : largest, around_.nranks);
  call.named = call_.codec;
  call.settled = true;
  return call;
}

}  // namespace coll
