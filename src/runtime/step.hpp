// What a step comes to for a call, wherever it is performed: the bytes of its messages, its part of the user's buffers,
// its contributions.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/call.hpp"
#include "runtime/hop.hpp"

namespace coll {

inline constexpr size_t kChecksumBytes = sizeof(uint64_t);  // behind a message's bytes

// Bytes of a message, at most, beside its checksum.
inline size_t wire_bytes(const Call& call, Wire wire, size_t elements) {
  if (wire == Wire::kCoded) return call.codec->max_bytes(elements);
  return elements * size_of(wire == Wire::kPartial ? accumulator_of(call.type) : call.type);
}

// A step that hands the input on as it is.
inline bool copies_input(const Step& step) {
  return !step.reduce && step.local == Local::kInput && step.to_wire == Wire::kNative && step.keep_slot < 0;
}

inline const std::byte* input_of(const Call& call, const Plan& plan, const Shard& part) {
  return call.send + plan.input_at(part) * size_of(call.type);
}
inline std::byte* output_of(const Call& call, const Plan& plan, const Shard& part) {
  return call.recv + plan.output_at(part) * size_of(call.type);
}

// Calls f(step, round, part) for each part of the chunk that is not empty, as an execution comes to them.
template <class F>
void each_part(const Plan& plan, size_t chunk, const F& f) {
  for (const Step& step : plan.steps) {
    for (int round = 0; round < step.rounds; ++round) {
      const Shard part = plan.part(plan.shard_of(step, round), chunk);
      if (part.count > 0) f(step, round, part);
    }
  }
}

// In the order of reduction; message(i) is what the i-th message that came contributes.
template <class Message>
std::vector<Contribution> contributions_of(const Plan& plan, const Step& step, int round, const Contribution& own,
                                           const Message& message) {
  const bool own_has_place = plan.messages_of(step, round) < static_cast<size_t>(step.from.count);
  std::vector<Contribution> all;
  all.reserve(static_cast<size_t>(step.from.count) + 1);
  if (step.local != Local::kNone && !own_has_place) all.push_back(own);
  size_t came = 0;
  for (int j = 0; j < step.from.count; ++j) {
    all.push_back(plan.entry(step.from, round, j) == plan.rank ? own : message(came++));
  }
  return all;
}

}  // namespace coll
