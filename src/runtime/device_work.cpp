#include "runtime/device_work.hpp"

#include <algorithm>

#include "runtime/device_hops.hpp"
#include "runtime/execution.hpp"

namespace coll {

bool runs_on_device(const Call& call, const Selection& selection, size_t staged_bytes) {
  if (!selection.plan || selection.plan->on_board || call.scale || !call.on_device.reached) return false;
  // A group's sends and receives go side by side, and have no arithmetic.
  if (is_transfer(call.function)) return false;
  const Plan& plan = *selection.plan;
  if (std::max(input_bytes(call, plan.nranks), output_bytes(call, plan.nranks)) <= staged_bytes) return false;
  if (selection.codec && !selection.codec->traits().fixed_size) return false;
  return std::none_of(plan.steps.begin(), plan.steps.end(), [](const Step& step) { return step.bundles(); });
}

DeviceRoom device_room(const Call& call, const Selection& selection, const DeviceWays& ways) {
  Call settled = call;
  settled.codec = selection.codec;
  const DeviceRoom chunk = DeviceLayout(settled, selection.plan, ways).room();
  const size_t streams = chunks_in_flight(*selection.plan);
  const size_t turns = (selection.plan->chunks + streams - 1) / streams;
  return {streams * chunk.pinned,
          streams * chunk.device,
          streams * chunk.shared,
          streams * chunk.direct,
          streams,
          turns * chunk.orders,
          chunk.words};
}

DeviceWork::DeviceWork(std::shared_ptr<DeviceBatch> batch, const Call& call, std::shared_ptr<const Plan> plan,
                       const DeviceWays& ways)
    : batch_(std::move(batch)), layout_(call, std::move(plan), ways), lanes_(chunks_in_flight(layout_.plan())) {}

DeviceWork::~DeviceWork() {
  DeviceGatePool& gates = batch_->line().gates();
  const auto is_over = [](const Lane& lane) { return lane.gate == nullptr || lane.gate->now_passed() == lane.given; };
  if (!all_given_ || !std::all_of(lanes_.begin(), lanes_.end(), is_over)) {
    give_up();  // the gates stay the streams'
    return;
  }
  for (const Lane& lane : lanes_) {
    if (lane.gate != nullptr) gates.give_back(lane.gate);
  }
}

Status DeviceWork::prepare() {
  const DeviceRoom& room = layout_.room();
  for (Lane& lane : lanes_) {
    DeviceMemory& memory = lane.memory;
    if (room.pinned > 0) memory.pinned = batch_->take_pinned(room.pinned);
    if (room.device > 0) memory.device = batch_->take_device(room.device);
    if (room.shared > 0) memory.shared = batch_->take_shared(room.shared);
    if (room.direct > 0) memory.direct = batch_->take_direct(room.direct);
    lane.gate = batch_->line().take_gate();
    if ((room.pinned > 0 && memory.pinned == nullptr) || (room.device > 0 && memory.device == nullptr) ||
        (room.shared > 0 && memory.shared == nullptr) || (room.direct > 0 && memory.direct == nullptr) ||
        lane.gate == nullptr) {
      return {collInternalError, "a call on a device has less memory, or fewer gates, than were reserved"};
    }
    memory.words = lane.gate->addresses.data();
    memory.published = batch_->published();
    lane.begin = lane.given = lane.released = lane.gate->now_passed();
  }
  return {};
}

Status DeviceWork::give() {
  for (size_t chunk = 0; chunk < layout_.plan().chunks; ++chunk) COLL_TRY(give_chunk(chunk));
  all_given_ = !given_up_.load();
  return {};
}

// The end of its last step is said at once, not with the next chunk's first order, which may stand behind waits of
// other streams where streams share the device's queues.
Status DeviceWork::give_chunk(size_t chunk) {
  const collStream_t stream = batch_->line().work_stream(chunk % lanes_.size());
  Lane& its = lane(chunk);
  const uint32_t first = its.given;
  for (const DeviceStep& step : this->chunk(chunk).steps) {
    if (given_up_.load()) return {};
    if (!step.has_work()) continue;
    COLL_TRY(begin_step(stream, first, &its));
    COLL_TRY(give_step(step, stream));
  }
  if (its.given == first) return {};
  return batch_->line().operations().set_flag(stream, &its.gate->passed, its.given);
}

// The end of the chunk's step before is said with the same order.
Status DeviceWork::begin_step(collStream_t stream, uint32_t first, Lane* lane) const {
  const DeviceOperations& device = batch_->line().operations();
  const uint32_t before = lane->given++;
  DeviceGate& gate = *lane->gate;
  if (before == first) return device.await_flag(stream, &gate.opened, lane->given);
  return device.set_then_await(stream, &gate.passed, before, &gate.opened, lane->given);
}

Status DeviceWork::give_step(const DeviceStep& step, collStream_t stream) const {
  if (step.copy) COLL_TRY(give_copy(*step.copy, stream));
  if (step.hop) COLL_TRY(give_hop(step, stream));
  return step.again ? give_copy(*step.again, stream) : Status();
}

Status DeviceWork::give_hop(const DeviceStep& step, collStream_t stream) const {
  const auto run = [&](DeviceHop kernel) {
    if (kernel.native == step.hop->native) kernel.also = step.also;
    kernel.most_blocks = batch_->line().max_ctas();
    return batch_->line().operations().run(kernel, stream);
  };
  return run_hop_on_device(*step.hop, step.contributions, step.scratch, run);
}

// By the copy engine, where there is one place that it can be told of.
Status DeviceWork::give_copy(const StepCopy& copy, collStream_t stream) const {
  DeviceHop kernel{"none", 1, collUint8, collSum, copy.bytes};
  kernel.own = copy.from;
  kernel.native = copy.to;
  kernel.also = copy.also;
  kernel.most_blocks = batch_->line().max_ctas();
  return batch_->line().operations().run(kernel, stream);
}

DeviceChunk DeviceWork::chunk(size_t chunk) const { return layout_.chunk(chunk, lane(chunk).memory); }

uint32_t DeviceWork::release(size_t chunk) {
  Lane& its = lane(chunk);
  its.gate->open(++its.released);
  return its.released;
}

void DeviceWork::give_up() {
  constexpr uint32_t kFar = uint32_t{1} << 30;  // beyond all that is given, and still ahead
  given_up_ = true;
  for (const Lane& lane : lanes_) {
    if (lane.memory.words == nullptr) continue;  // nothing has been given
    tell_of_nothing(lane);
    lane.gate->open(lane.released + kFar);
  }
}

// Kernels that nobody has told where to read and write do so where it does not matter: of whatever could have been lent
// there is room for in the lane's pinned memory.
void DeviceWork::tell_of_nothing(const Lane& lane) const {
  for (size_t i = 0; i < layout_.room().words; ++i) tell(lane.memory.words + i, lane.memory.pinned);
}

}  // namespace coll
