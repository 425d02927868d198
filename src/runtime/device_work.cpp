#include "runtime/device_work.hpp"

#include <algorithm>

#include "runtime/device_hops.hpp"
#include "runtime/execution.hpp"

namespace coll {

namespace {

// What steps need, found by walking through them as a chunk does, with addresses that stand for memory.
class RoomFinder {
 public:
  RoomFinder(const Call& call, const Plan& plan) : call_(call), plan_(plan) {}

  DeviceRoom walk() {
    for (const Step& step : plan_.steps) {
      for (int round = 0; round < step.rounds; ++round) {
        const Shard part = plan_.part(plan_.shard_of(step, round), 0);  // no chunk's is longer
        if (part.count > 0) add(step, round, part);
      }
    }
    return room_;
  }

 private:
  void add(const Step& step, int round, const Shard& part) {
    const size_t came = wire_bytes(call_, step.from_wire, part.count) + kChecksumBytes;
    std::vector<Contribution> from;
    const bool slot = step.local == Local::kSlot;
    const Contribution own{slot ? Wire::kPartial : Wire::kNative, kSomewhere, !slot && step.code_local};
    bool own_has_place = false;
    size_t messages = 0;
    for (int j = 0; j < step.from.count; ++j) {
      const bool is_own = plan_.entry(step.from, round, j) == plan_.rank;
      own_has_place |= is_own;
      messages += is_own ? 0 : 1;
      from.push_back(is_own ? own : Contribution{step.from_wire, kSomewhere + kLineGrain});
    }
    if (step.local != Local::kNone && !own_has_place) from.insert(from.begin(), own);
    room_.pinned += messages * padded(came);
    const bool passes_on = !step.reduce && messages == 1;
    if (!passes_on) add_result(step, part.count);
    const bool copied = passes_on ? !step.to_output || step.from_wire == Wire::kNative : copies_input(step);
    if (!copied) add_hop(step, part.count, passes_on, from);
  }

  void add_result(const Step& step, size_t count) {
    const bool sends = step.to.count > 0;
    if (!sends && step.keep_slot < 0) return;
    const bool partial = step.keep_slot >= 0 || step.to_wire == Wire::kPartial;
    const size_t bytes = wire_bytes(call_, partial && !copies_input(step) ? Wire::kPartial : step.to_wire, count);
    (sends ? room_.pinned : room_.device) += padded(bytes + kChecksumBytes);
  }

  void add_hop(const Step& step, size_t count, bool passes_on, std::span<const Contribution> from) {
    Hop hop{call_.type, call_.op, plan_.nranks, call_.codec.get(), {}, count, !passes_on && step.finish};
    std::byte* const result = const_cast<std::byte*>(kSomewhere) + 2 * kLineGrain;
    const bool sends = step.to.count > 0 && !passes_on;
    if (step.to_output) hop.native = result;
    if (step.keep_slot >= 0 || (sends && step.to_wire == Wire::kPartial)) {
      hop.partial = result + kLineGrain;
    } else if (sends && step.to_wire == Wire::kCoded) {
      hop.coded = result + kLineGrain;
    } else if (hop.native == nullptr) {
      hop.native = result;
    }
    room_.device += padded(device_scratch_bytes(hop, from));
  }

  static inline const std::byte* const kSomewhere = reinterpret_cast<const std::byte*>(uintptr_t{1} << 20);

  const Call& call_;
  const Plan& plan_;
  DeviceRoom room_;
};

}  // namespace

bool runs_on_device(const Call& call, const Selection& selection, size_t staged_bytes) {
  if (!selection.plan || selection.plan->on_board || call.scale || !call.on_device.reached) return false;
  const int nranks = selection.plan->nranks;
  const size_t bytes = std::max(input_bytes(call, nranks), output_bytes(call, nranks));
  if (bytes <= staged_bytes || (is_transfer(call.function) && bytes <= Introduction::kMostCarriedBytes)) return false;
  if (selection.codec && !selection.codec->traits().fixed_size) return false;
  const auto& steps = selection.plan->steps;
  return std::none_of(steps.begin(), steps.end(), [](const Step& step) { return step.bundles(); });
}

DeviceRoom device_room(const Call& call, const Plan& plan) { return RoomFinder(call, plan).walk(); }

DeviceWork::DeviceWork(std::shared_ptr<DeviceBatch> batch, const DeviceRoom& room, size_t chunks_in_flight)
    : batch_(std::move(batch)), room_(room), all_(chunks_in_flight), free_(chunks_in_flight) {}

Status DeviceWork::prepare() {
  for (Region& each : all_) {
    std::byte* const pinned = room_.pinned > 0 ? batch_->take_pinned(room_.pinned) : nullptr;
    std::byte* const device = room_.device > 0 ? batch_->take_device(room_.device) : nullptr;
    if ((room_.pinned > 0 && pinned == nullptr) || (room_.device > 0 && device == nullptr))
      return {collInternalError, "a call on a device has less memory than was reserved"};
    each = {{pinned, room_.pinned}, {device, room_.device}};
  }
  return {};
}

void DeviceWork::start_chunk(size_t chunk) { region(chunk) = all_[chunk % all_.size()]; }

Block DeviceWork::take(std::span<std::byte>* from, size_t bytes) {
  const size_t wanted = padded(bytes);
  if (from->size() < wanted) return {};
  Block block = Block::borrowed(from->first(wanted));
  *from = from->subspan(wanted);
  return block;
}

Status DeviceWork::run(size_t chunk, const Hop& hop, std::span<const Contribution> contributions) {
  const size_t bytes = device_scratch_bytes(hop, contributions);
  const Block scratch = bytes > 0 ? take_device(chunk, bytes) : Block();
  if (bytes > 0 && !scratch) return {collInternalError, "a hop on a device needs more scratch than was reserved"};
  DeviceLine& line = batch_->line();
  return line.give([&](const DeviceOperations& operations, collStream_t stream) {
    return run_hop_on_device(hop, contributions, scratch.data(), [&](DeviceHop kernel) {
      kernel.most_blocks = line.max_ctas();
      return operations.run(kernel, stream);
    });
  });
}

Status DeviceWork::copy(void* to, const void* from, size_t bytes) {
  return batch_->line().give([&](const DeviceOperations& operations, collStream_t stream) {
    return operations.copy(to, from, bytes, stream);
  });
}

}  // namespace coll
