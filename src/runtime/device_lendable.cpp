#include "runtime/device_lendable.hpp"

#include <algorithm>

#include "device/late.hpp"

namespace coll {

void Stretches::sort() {
  std::sort(all_.begin(), all_.end(), [](const Stretch& a, const Stretch& b) { return a.begin < b.begin; });
}

size_t Stretches::meet(const std::byte* begin, size_t bytes) const {
  const auto ends_before = [](const Stretch& stretch, const std::byte* at) { return stretch.end <= at; };
  auto at = std::lower_bound(all_.begin(), all_.end(), begin, ends_before);
  size_t met = 0;
  for (; at != all_.end() && at->begin < begin + bytes; ++at) ++met;
  return met;
}

LendableParts::LendableParts(const Call& call, const Plan& plan, size_t chunk) : call_(call), plan_(plan) {
  if (call.on_device.send_memory.number < 0 && call.on_device.recv_memory.number < 0) return;
  const size_t element = size_of(call.type);
  each_part(plan, chunk, [&](const Step& step, int, const Shard& part) {
    const std::byte* const input = step.local == Local::kInput ? input_of(call, plan, part) : nullptr;
    if (input != nullptr) read_.add(input, part.count * element);
    if (!step.to_output) return;
    const std::byte* const output = output_of(call, plan, part);
    if (!copies_input(step) || output != input) written_.add(output, part.count * element);
  });
  read_.sort();
  written_.sort();
}

// All chunks' parts begin as the first one's do, since that is how much memory is reserved for each.
bool LendableParts::is_place_of_loans(const Published& memory, const std::byte* at) const {
  const bool pieces_are = plan_.chunks == 1 || plan_.piece * size_of(call_.type) % kLateGrain == 0;
  return memory.number >= 0 && pieces_are && reinterpret_cast<uintptr_t>(at) % kLateGrain == 0;
}

// In place the result takes the part's place. Of an allreduce it holds what was handed on; where that is the only use
// that is made of the part, and has one receiver, it has been read before any result can have come.
bool LendableParts::is_read_before_results(const Step& step, int round, size_t reads) const {
  int receivers = 0;
  for (int j = 0; j < step.to.count; ++j) receivers += plan_.entry(step.to, round, j) != plan_.rank;
  return call_.function == Function::kAllReduce && receivers == 1 && reads == 1;
}

LendableParts::Place LendableParts::input(const Step& step, int round, const Shard& part) const {
  const Published& memory = call_.on_device.send_memory;
  const std::byte* const at = input_of(call_, plan_, part);
  const size_t bytes = part.count * size_of(call_.type);
  if (!is_place_of_loans(memory, at)) return {};
  const bool stays = written_.meet(at, bytes) == 0 || is_read_before_results(step, round, read_.meet(at, bytes));
  return stays ? Place{at, memory} : Place();
}

LendableParts::Place LendableParts::output(const Shard& part) const {
  const Published& memory = call_.on_device.recv_memory;
  const std::byte* const at = output_of(call_, plan_, part);
  const bool written_once = written_.meet(at, part.count * size_of(call_.type)) == 1;
  return is_place_of_loans(memory, at) && written_once ? Place{at, memory} : Place();
}

}  // namespace coll
