// A plan's steps on a device. Where perform() has made a value when it returns, here the work is only given to the
// device's stream; what depends on it, handing the value on and giving messages back, follows when it is done.
#include <algorithm>

#include "runtime/device_work.hpp"
#include "runtime/execution.hpp"

namespace coll {

Status Execution::work_on_device(std::shared_ptr<DeviceBatch> batch) {
  const DeviceRoom room = device_room(call_, *plan_);
  work_ = std::make_unique<DeviceWork>(std::move(batch), room, chunks_in_flight(*plan_));
  return work_->prepare();
}

void Execution::leave_device() { work_.reset(); }

Status Execution::perform_on_device(ChunkRun& run, const Step& step, const Shard& part, size_t messages) {
  for (size_t i = 0; i < messages; ++i) COLL_TRY(verify(run.incoming[run.taken + i], step));
  DeviceStep& given = run.on_device.emplace_back(DeviceStep{&step, part, run.round, run.taken, messages, {}, {}, 0});
  if (!step.reduce && messages == 1) {
    COLL_TRY(pass_on_device(run, step, part, &given));
  } else {
    COLL_TRY(produce_on_device(run, step, part, &given));
  }
  return work_->note(&given.ticket);
}

Status Execution::pass_on_device(ChunkRun& run, const Step& step, const Shard& part, DeviceStep* given) {
  const Incoming& in = run.incoming[run.taken];
  given->block = in.block;
  given->message_bytes = in.request.bytes - (around_.checksums ? kChecksumBytes : 0);
  if (!step.to_output) return {};
  if (in.wire == Wire::kNative) return work_->copy(output(part), in.data(), part.count * size_of(call_.type));
  Hop hop{call_.type, call_.op, around_.nranks, call_.codec.get(), {}, part.count};
  hop.native = output(part);
  const Contribution only{in.wire, in.data()};
  return work_->run(run.chunk, hop, {&only, 1});
}

Status Execution::produce_on_device(ChunkRun& run, const Step& step, const Shard& part, DeviceStep* given) {
  const bool sends = step.to.count > 0;
  const size_t native_bytes = part.count * size_of(call_.type);
  given->message_bytes = message_bytes(step.to_wire, part.count);
  if (copies_input(step)) {
    if (step.to_output && output(part) != input(part)) COLL_TRY(work_->copy(output(part), input(part), native_bytes));
    if (!sends) return {};
    COLL_TRY(take_on_device(run, native_bytes, true, &given->block));
    return work_->copy(given->block.data(), input(part), native_bytes);
  }
  Hop hop = hop_of(step, part);
  if (step.to_output) hop.native = output(part);
  if (step.keep_slot >= 0 || (sends && step.to_wire == Wire::kPartial)) {
    COLL_TRY(take_on_device(run, message_bytes(Wire::kPartial, part.count), sends, &given->block));
    hop.partial = given->block.data();
  } else if (sends) {
    COLL_TRY(take_on_device(run, given->message_bytes, true, &given->block));
    if (step.to_wire == Wire::kCoded) {
      hop.coded = given->block.data();
    } else if (hop.native == nullptr) {
      hop.native = given->block.data();
    }
  }
  COLL_TRY(work_->run(run.chunk, hop, gather(run, step, part, given->messages)));
  if (step.keep_slot >= 0) run.slots[Plan::slot_of(step, step.keep_slot, run.round)] = given->block;
  const bool copied = sends && hop.coded == nullptr && hop.partial == nullptr && hop.native != given->block.data();
  return copied ? work_->copy(given->block.data(), hop.native, native_bytes) : Status();
}

Status Execution::take_on_device(ChunkRun& run, size_t bytes, bool pinned, Block* block) {
  *block = pinned ? work_->take_pinned(run.chunk, bytes + kChecksumBytes) : work_->take_device(run.chunk, bytes);
  return *block ? Status() : Status(collInternalError, "a chunk on a device needs more memory than was reserved");
}

// What the device is done with, in the order it was given.
Status Execution::settle_device(ChunkRun& run, bool* moved) {
  while (!run.on_device.empty()) {
    DeviceStep& given = run.on_device.front();
    if (!work_->reached(given.ticket)) return {};
    *moved = true;
    for (size_t i = 0; i < given.messages; ++i) run.incoming[given.first + i].block = {};
    if (given.step->to.count > 0) {
      COLL_TRY(
          send_all(run, *given.step, given.part, given.round, {seal(given.block, given.message_bytes), given.block}));
    }
    run.on_device.pop_front();
  }
  return {};
}

// Whether nothing but the device keeps the execution from going on: its peers are not to blame then.
bool Execution::waits_for_device() const {
  return work_ &&
         std::any_of(running_.begin(), running_.end(), [](const ChunkRun& run) { return !run.on_device.empty(); });
}

}  // namespace coll
