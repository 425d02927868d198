// A plan's steps on a device. Where perform() has made a value when it returns, here the device is only allowed to
// begin; what depends on it, handing the value on and giving messages back, follows when it is done.
//
// A value stays in the device's memory where receivers of the node can all read it there: their message is then a loan,
// which says where it lies, and which they return. For all others it is in pinned memory, and sent as any other.
#include <algorithm>
#include <cstring>

#include "base/ranges.hpp"
#include "runtime/device_work.hpp"
#include "runtime/execution.hpp"

namespace coll {

namespace {
constexpr const char* kOutOfReach = "says that it lies where this rank does not reach memory of the sender's device";
constexpr const char* kOtherLength = "has stayed on the sender's device, and is of another length there";
constexpr const char* kUnwanted = "has stayed on the sender's device, where this rank cannot use it";
}  // namespace

Status Execution::work_on_device(const std::shared_ptr<DeviceBatch>& batch) {
  work_ = std::make_shared<DeviceWork>(batch, call_, plan_, around_.device_ways());
  COLL_TRY(work_->prepare());
  batch->add(work_);
  if (around_.device_peers != nullptr) around_.device_peers->announce(sequence_, work_->legs_of_loans());
  return {};
}

void Execution::leave_device() {
  if (!work_) return;
  for (const ChunkRun& run : running_) {
    const auto is_back = [](const Outgoing& out) { return out.returned.done; };
    if (std::all_of(run.outgoing.begin(), run.outgoing.end(), is_back)) continue;
    work_->keep_loans();
    around_.device_peers->withdraw();
  }
  work_->give_up();
  work_.reset();
}

Status Execution::perform_on_device(ChunkRun& run) {
  const DeviceStep& step = run.on_device.steps[run.released.size()];
  const std::byte* at = nullptr;
  for (size_t i = step.first; i < step.first + step.messages; ++i) {
    COLL_TRY(find_message(run.incoming[i], *step.step, &at));
    const DeviceChunk::Place& place = run.on_device.places[i];
    if (place.told != nullptr) tell(place.told, at);
    if (place.told == nullptr && at != place.memory.data()) return damaged(run.incoming[i], *step.step, kUnwanted);
  }
  const bool lends = this->lends(step);
  const bool is_there = at == step.sent.data();  // what came is sent on
  if (step.read != nullptr) tell(step.read, step.read_at(at, lends));
  std::byte* const sent = is_there ? nullptr : step.sent.data();
  if (step.told != nullptr) tell(step.told, lends ? step.copied_to() : sent);
  if (step.told_again != nullptr) tell(step.told_again, lends ? sent : nullptr);
  run.released.push_back({step.has_work() ? work_->release(run.chunk) : work_->released(run.chunk), lends});
  return {};
}

// What the device is done with, in order.
Status Execution::settle_device(ChunkRun& run, bool* moved) {
  for (; run.settled < run.released.size(); ++run.settled) {
    const Released& released = run.released[run.settled];
    if (!work_->reached(run.chunk, released.number)) return {};
    *moved = true;
    const DeviceStep& step = run.on_device.steps[run.settled];
    COLL_TRY(check_loans(run, step));
    COLL_TRY(return_loans(run, step));
    if (step.step->to.count > 0) COLL_TRY(hand_on(run, step, released.lends));
  }
  return {};
}

Status Execution::hand_on(ChunkRun& run, const DeviceStep& step, bool lends) {
  const Range range("send", step.sent.size());
  const Block block = Block::borrowed(step.sent);
  const Value value{seal(block, step.sent.size()), block};
  const int shard = plan_->entry(step.step->shard, step.round, 0);
  for (int j = 0; j < step.step->to.count; ++j) {
    const int peer = plan_->entry(step.step->to, step.round, j);
    if (peer == around_.rank) continue;
    const bool is_lent = lends && around_.device_peers->is_peer(peer);
    COLL_TRY(is_lent ? lend_to(peer, run, step, shard) : send_to(peer, run, *step.step, step.part, shard, value));
  }
  return {};
}

// ---- Loans

bool Execution::is_loan(const Incoming& in) const {
  return around_.device_peers != nullptr && around_.device_peers->is_peer(in.peer) &&
         in.request.bytes == sizeof(DeviceLoan) && message_bytes(in.wire, in.part.count) >= kLeastLoan;
}

Status Execution::find_message(const Incoming& in, const Step& step, const std::byte** at) const {
  *at = in.place;
  if (!is_loan(in)) return verify(in, step);
  DeviceLoan loan;
  std::memcpy(&loan, in.place, sizeof loan);
  *at = around_.device_peers->find(in.peer, loan);
  if (*at == nullptr) return damaged(in, step, kOutOfReach);
  return loan.bytes == message_bytes(in.wire, in.part.count) ? Status() : damaged(in, step, kOtherLength);
}

// A receiver that has not made the call yet is sent a copy: waiting for it could take long.
bool Execution::lends(const DeviceStep& step) const {
  if (step.lent.empty()) return false;
  for (int j = 0; j < step.step->to.count; ++j) {
    const int peer = plan_->entry(step.step->to, step.round, j);
    if (!around_.device_peers->is_peer(peer)) continue;
    if (!around_.device_peers->takes(peer, sequence_, step.step->to_leg, step.lent_from.number)) return false;
  }
  return true;
}

Status Execution::lend_to(int peer, ChunkRun& run, const DeviceStep& step, int shard) {
  const Leg leg = step.step->to_leg;
  Outgoing& out = run.outgoing.emplace_back(Outgoing{peer, {}, {}, {}});
  out.loan = step.loan();
  out.returned = {};  // not done yet
  out.message = std::as_bytes(std::span(&out.loan, 1));
  count_sent(*step.step, step.part, step.lent.size());
  Transport& way = around_.fabric->to(peer);
  COLL_TRY(way.receive(peer, return_tag(run, leg, shard), {}, &out.returned));
  return way.send(peer, tag(run, leg, shard), out.message, &out.request);
}

// The program may change its buffers once a call has failed, and a receiver's kernel may read them later still.
Status Execution::check_loans(const ChunkRun& run, const DeviceStep& step) const {
  for (size_t i = step.first; i < step.first + step.messages; ++i) {
    const Incoming& in = run.incoming[i];
    if (!is_loan(in) || !around_.device_peers->has_withdrawn(in.peer)) continue;
    return {collRemoteError,
            text("rank ", in.peer, " has failed, and what it has lent from its device may have changed")};
  }
  return {};
}

// The kernels have read them.
Status Execution::return_loans(ChunkRun& run, const DeviceStep& step) {
  for (size_t i = step.first; i < step.first + step.messages; ++i) {
    const Incoming& in = run.incoming[i];
    if (!is_loan(in)) continue;
    Outgoing& out = run.outgoing.emplace_back(Outgoing{in.peer, {}, {}, {}});
    const uint32_t tag = return_tag(run, step.step->from_leg, in.shard);
    COLL_TRY(around_.fabric->to(in.peer).send(in.peer, tag, {}, &out.request));
  }
  return {};
}

// Whether nothing but the device keeps the execution from going on: its peers are not to blame then.
bool Execution::waits_for_device() const {
  return work_ && std::any_of(running_.begin(), running_.end(),
                              [](const ChunkRun& run) { return run.settled < run.released.size(); });
}

}  // namespace coll
