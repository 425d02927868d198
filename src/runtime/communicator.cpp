#include "runtime/communicator.hpp"

#include <thread>

#include "base/ranges.hpp"
#include "runtime/backoff.hpp"
#include "runtime/stream.hpp"

namespace coll {

namespace {

constexpr uint64_t kCheckedCalls = 16;
constexpr int kSpins = 2000;  // where every rank has a hardware thread
constexpr int kTurnsPerLook = 1000;

}  // namespace

Communicator::Communicator(Foundation foundation)
    : base_(std::move(foundation)),
      watchdog_(*base_.fabric, *base_.log, base_.rank, base_.nranks, base_.config.timeout_ms),
      device_peers_(*base_.fabric, base_.rank, base_.nranks),
      device_direct_(*base_.fabric, base_.nranks, base_.config, *base_.log),
      around_{base_.fabric.get(),
              base_.process->staging().get(),
              &stats_,
              base_.rank,
              base_.nranks,
              base_.config.check == 2,
              lends_device_memory() ? &device_peers_ : nullptr,
              device_direct_.any() ? &device_direct_ : nullptr},
      progress_thread_allowed_(decide_progress_thread()),
      spins_(base_.topology.oversubscribed() ? 0 : kSpins),
      sends_(static_cast<size_t>(base_.nranks)),
      receives_(static_cast<size_t>(base_.nranks)) {
  base_.process->devices().operations();  // so that calls need not look for a driver
}

Communicator::~Communicator() {
  // A device's stream may be past a call that still has to be struck off here.
  if (!lines_.empty()) static_cast<void>(finalize());
  bool idle = true;
  for (const auto& [stream, line] : lines_) idle &= line->close(memory_still_accessed_);
  if (idle) close_device_peers();  // else kernels may still read there
}

// What a checksum is of, the host has to see.
bool Communicator::lends_device_memory() const {
  return base_.nranks > 1 && base_.config.check != 2 && base_.config.env.p2p == 1;
}

bool Communicator::decide_progress_thread() const {
  const std::string& wanted = base_.config.env.progress;
  const bool reachable = base_.fabric->any_thread();
  const bool room = base_.topology.machine_of(base_.rank).has_room();
  const bool allowed = reachable && (wanted == "on" || (wanted == "auto" && room));
  base_.log->info(LogPart::kInit, "streams advance ", allowed ? "on a progress thread" : "inside calls of the library",
                  " (COLL_PROGRESS=", wanted, room ? "" : ", no hardware thread to spare",
                  reachable ? "" : ", MPI is not for every thread", ")");
  return allowed;
}

Status Communicator::run(const Call& call, const std::shared_ptr<Stream>& stream) {
  if (!stream && !pending()) {
    const std::lock_guard lock(busy_);
    bool done = false;
    COLL_TRY(run_at_once(call, &done));
    if (done) return {};
  }
  if (!stream && base_.process->devices().known() == nullptr && base_.process->devices().operations() != nullptr) {
    Call placed = call;  // devices have come since the communicator was made
    std::shared_ptr<Stream> line;
    COLL_TRY(place(nullptr, &placed, &line));
    if (line) return run(placed, line);
  }
  if (DeviceLine* const line = stream ? stream->device_line() : nullptr) return run_on_line(call, *line);
  const auto visit = base_.process->visit();
  const std::lock_guard lock(busy_);
  std::unique_ptr<Operation> operation;
  COLL_TRY(begin(call, &operation));
  if (!stream) return complete(*operation);
  stream->enqueue(std::move(operation));
  if (progress_thread_allowed_) base_.process->wake_progress({base_.topology, base_.rank});
  return {};
}

// With check=1, the ranks' first calls are compared.
bool Communicator::to_check(uint64_t sequence) const {
  return base_.config.check == 2 || (base_.config.check == 1 && sequence < kCheckedCalls);
}

Status Communicator::begin(const Call& call, std::unique_ptr<Operation>* operation) {
  COLL_TRY(heed());
  while (!is_transfer(call.function) && numbered_.load() >= kMostPending) {
    bool moved = false;
    base_.process->advance_streams(&moved);
    COLL_TRY(failure());
    if (!moved) std::this_thread::yield();
  }
  // A peer that has given up in the meantime cannot be caught up with, though its messages may all be here.
  bool moved = false;
  if (Status status = base_.fabric->progress(&moved); !status.ok()) return poison(status, true);
  if (Status status = watchdog_.listen(); !status.ok()) return poison(status, false);
  return is_transfer(call.function) ? begin_transfer(call, operation) : begin_collective(call, operation);
}

Status Communicator::begin_transfer(const Call& call, std::unique_ptr<Operation>* operation) {
  std::unique_ptr<Execution> execution;
  COLL_TRY(make_execution(call, 0, false, &execution));
  auto& lanes = call.function == Function::kSend ? sends_ : receives_;
  Lane* const lane = call.root == base_.rank ? nullptr : &lanes[static_cast<size_t>(call.root)];
  *operation = std::make_unique<Operation>(*this, std::move(execution), lane);
  return {};
}

Status Communicator::begin_collective(const Call& call, std::unique_ptr<Operation>* operation) {
  std::unique_ptr<Execution> execution;
  std::unique_ptr<Settling> settling;
  if (needs_settling(call, base_.nranks) && !base_.config.deterministic) {
    settling = std::make_unique<Settling>(around_, call, next_sequence_);
  } else {
    const bool agree = to_check(next_sequence_) || call.function == Function::kBarrier;
    COLL_TRY(make_execution(call, next_sequence_, agree, &execution));
  }
  ++next_sequence_;
  *operation = std::make_unique<Operation>(*this, std::move(execution), std::move(settling));
  return {};
}

Status Communicator::make_execution(const Call& call, uint64_t sequence, bool agree,
                                    std::unique_ptr<Execution>* execution) {
  Call settled = call;
  Selection selection;
  if (call.function != Function::kBarrier && call.count > 0) {
    COLL_TRY(select(call, &selection));
    settled.codec = selection.codec;
    if (!call.named) settled.named = call.codec;
  }
  *execution = std::make_unique<Execution>(around_, settled, std::move(selection), sequence, agree);
  return {};
}

Status Communicator::move_on(Operation& operation, bool* moved) {
  if (!operation.has_turn()) return {};
  if (operation.device_call_) COLL_TRY(operation.device_call_->arrive(moved, &operation.here_));
  if (!operation.here_) return {};
  if (operation.settling_) {
    bool settled = false;
    COLL_TRY(operation.settling_->advance(moved, &settled));
    if (!settled) return {};
    const uint64_t sequence = operation.settling_->sequence();
    COLL_TRY(make_execution(operation.settling_->settled(), sequence, false, &operation.execution_));
    operation.settling_.reset();
  }
  COLL_TRY(operation.execution_->advance(moved));
  if (operation.gone_ || !operation.execution_->done()) return {};
  operation.device_call_->leave(moved, &operation.gone_);
  return {};
}

Status Communicator::complete(Operation& operation) {
  const Range range("wait");
  const auto begun = Clock::now();
  const double busy_before = stats_.encode_s + stats_.reduce_s;
  Backoff backoff(base_.topology.oversubscribed());
  bool done = false;
  while (!done) {
    bool moved = false;
    COLL_TRY(step(operation, &moved, &done));
    if (done) break;
    base_.process->advance_streams(&moved);
    const bool waited = !moved && !base_.process->has_streams() && base_.fabric->wait();
    if (!waited) backoff.pause(moved);
  }
  const std::chrono::duration<double> spent = Clock::now() - begun;
  stats_.wait_s += std::max(0.0, spent.count() - (stats_.encode_s + stats_.reduce_s - busy_before));
  return {};
}

Status Communicator::advance(Operation& operation, bool* moved, bool* done) {
  if (!base_.fabric->is_mine()) return {};
  Status status;
  {
    const std::unique_lock lock(busy_, std::try_to_lock);
    if (!lock.owns_lock()) return {};
    status = step(operation, moved, done);
  }
  heed_abort();
  return status;
}

Status Communicator::step(Operation& operation, bool* moved, bool* done) {
  COLL_TRY(heed());
  bool here = false;
  if (Status status = base_.fabric->progress(&here); !status.ok()) return poison(status, true);
  if (Status status = move_on(operation, &here); !status.ok()) {
    // All ranks find that a collective's calls differ; of a transfer only the receiver does.
    return poison(status, status.code() != collInvalidUsage || operation.lane_ != nullptr);
  }
  *moved |= here;
  *done = operation.done();
  if (operation.lane_ != nullptr && !operation.left_lane_ && operation.execution_->done()) {
    ++operation.lane_->finished;
    operation.left_lane_ = true;
  }
  if (*done) {
    ++stats_.calls;
    ++(operation.execution_->compressed() ? stats_.compressed_calls : stats_.exact_calls);
    return {};
  }
  if (here) {
    operation.patience_ = {};
    return {};
  }
  if (Status status = watchdog_.listen(); !status.ok()) return poison(status, false);
  if (operation.waits_for_device()) return {};  // peers that wait for this rank say so when their time is up
  const auto waiting = [&operation] { return operation.waiting(); };
  Status status = watchdog_.look(operation.patience_, waiting);
  return status.ok() ? status : poison(status, true);
}

Status Communicator::finalize() {
  Backoff backoff(base_.topology.oversubscribed());
  // On a communicator that has failed, every operation fails at once and leaves its stream.
  while (pending()) {
    advance_pending(&backoff);
    // What has failed there is not coming. Not in a visit, as the driver may wait for what the progress thread does.
    if (pending()) static_cast<void>(look_at_devices());
  }
  return failure();
}

void Communicator::advance_pending(Backoff* backoff) {
  const auto visit = base_.process->visit();
  for (int turn = 0; pending() && turn < kTurnsPerLook; ++turn) {
    bool moved = false;
    base_.process->advance_streams(&moved);
    backoff->pause(moved);
  }
}

Status Communicator::aborted() const { return {collRemoteError, "the communicator was aborted with collCommAbort()"}; }

void Communicator::abort() {
  abort_requested_ = true;
  // A thread that is inside a call sees the request and tells the peers; otherwise it is done here.
  heed_abort();
}

// After every turn on the communicator: whoever comes second, the aborting thread or this one, gets the lock.
void Communicator::heed_abort() {
  if (!abort_requested_.load()) return;
  const std::unique_lock lock(busy_, std::try_to_lock);
  if (lock.owns_lock()) static_cast<void>(poison(aborted(), true));
}

Status Communicator::kept_failure() const {
  const std::lock_guard lock(failure_mutex_);
  return failure_;
}

Status Communicator::poison(const Status& failure, bool tell_others) {
  {
    const std::lock_guard lock(failure_mutex_);
    if (!failure_.ok()) return failure_;
    failure_ = failure;
    failed_.store(true, std::memory_order_release);
  }
  base_.log->warn(LogPart::kInit, "the communicator can no longer be used: ", failure.message());
  if (tell_others) watchdog_.report(failure);
  memory_still_accessed_ = base_.fabric->abandon();
  return failure;
}

collStats_t Communicator::stats() {
  const auto visit = base_.process->visit();
  const std::lock_guard lock(busy_);
  return stats_;
}

}  // namespace coll
