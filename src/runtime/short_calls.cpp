// The short ways of blocking calls between ranks of a node: over the board, and of transfers that are one message. They
// make no operation and no execution, which would cost more than what the calls move.
#include <algorithm>

#include "base/ranges.hpp"
#include "runtime/backoff.hpp"
#include "runtime/board_run.hpp"
#include "runtime/communicator.hpp"
#include "runtime/short_run.hpp"

namespace coll {

Status Communicator::run_at_once(const Call& call, bool* taken) {
  if (!is_transfer(call.function)) return run_on_board(call, taken);
  transfers_.clear();
  if (!add_transfer(call)) return {};
  *taken = true;
  return run_transfers();
}

// Looks again and again, then waits for what is missing as patiently as any call.
template <typename Advance, typename Waiting, typename Busy>
Status Communicator::wait_for(const Advance& advance, const Waiting& waiting, const Busy& busy_s) {
  bool moved = false;
  bool done = false;
  COLL_TRY(advance(&moved, &done));
  for (int look = 0; !done && look < spins_; ++look) {
    moved = false;
    COLL_TRY(advance(&moved, &done));
    if (moved) look = 0;
  }
  if (done) return {};
  const Range range("wait");
  const auto begun = Clock::now();
  const double busy_before = busy_s();
  Patience patience;
  Backoff backoff(base_.topology.oversubscribed());
  while (true) {
    moved = false;
    COLL_TRY(advance(&moved, &done));
    if (done) break;
    COLL_TRY(heed());
    if (moved) patience = {};
    if (Status status = base_.fabric->progress(&moved); !status.ok()) return poison(status, true);
    if (Status status = watchdog_.listen(); !status.ok()) return poison(status, false);
    if (Status status = watchdog_.look(patience, waiting); !status.ok()) return poison(status, true);
    base_.process->advance_streams(&moved);
    backoff.pause(moved);
  }
  const std::chrono::duration<double> spent = Clock::now() - begun;
  stats_.wait_s += std::max(0.0, spent.count() - (busy_s() - busy_before));
  return {};
}

Status Communicator::run_on_board(const Call& call, bool* taken) {
  if (to_check(next_sequence_) || call.scale) return {};
  const Selection* const known = plans_.find(call);
  if (known == nullptr || !known->plan->on_board) return {};
  COLL_TRY(heed());
  if (Status status = watchdog_.listen(); !status.ok()) return poison(status, false);
  *taken = true;
  if (known->short_plan) {
    ShortRun run(call, *known->short_plan, *base_.fabric->board());
    return finish_on_board(call, &run);
  }
  BoardRun run(call, *known->plan, *base_.fabric->board());
  return finish_on_board(call, &run);
}

template <typename Run>
Status Communicator::finish_on_board(const Call& call, Run* run) {
  const uint64_t sequence = next_sequence_++;
  const auto advance = [&](bool* moved, bool* done) {
    *done = run->advance(moved);
    return Status();
  };
  const auto waiting = [&] {
    WaitingCall waits{sequence, name(call.function), {}};
    if (run->awaited_rank() >= 0) waits.awaited.push_back(run->awaited_rank());
    return waits;
  };
  COLL_TRY(wait_for(advance, waiting, [run] { return run->reduce_s(); }));
  ++stats_.calls;
  ++stats_.exact_calls;
  const size_t bytes = run->posted_bytes();
  stats_.sent_bytes += bytes;
  stats_.exact_bytes += bytes;
  stats_.reduce_s += run->reduce_s();
  return {};
}

Status Communicator::run_together(std::span<const Deferred> calls, bool* taken) {
  const std::lock_guard lock(busy_);
  transfers_.clear();
  for (const Deferred& each : calls) {
    if (each.communicator != this || each.stream || !is_transfer(each.call.function)) return {};
    if (!add_transfer(each.call)) return {};
  }
  *taken = true;
  return run_transfers();
}

// False where the call cannot go the short way. The other side need not: its messages are the same.
bool Communicator::add_transfer(const Call& call) {
  if (pending() || around_.checksums || call.root == base_.rank) return false;
  const Selection* const known = plans_.find(call);
  if (known == nullptr || known->plan->chunks > 1) return false;
  if (!base_.fabric->to(call.root).receives_in_calls()) return false;
  auto& lanes = call.function == Function::kSend ? sends_ : receives_;
  transfers_.emplace_back(*base_.fabric, call, base_.rank, &lanes[static_cast<size_t>(call.root)]);
  return true;
}

Status Communicator::run_transfers() {
  COLL_TRY(heed());
  if (Status status = watchdog_.listen(); !status.ok()) return poison(status, false);
  for (TransferInLane& each : transfers_) each.turn = each.lane->issued++;
  const auto advance = [this](bool* any, bool* done) { return advance_transfers(any, done); };
  const auto waiting = [this] {
    const auto is_missing = [](const TransferInLane& each) { return each.lane->finished <= each.turn; };
    const Call& call = std::find_if(transfers_.begin(), transfers_.end(), is_missing)->transfer.call();
    return WaitingCall{0, name(call.function), {call.root}, true};
  };
  COLL_TRY(wait_for(advance, waiting, [] { return 0.0; }));
  for (const TransferInLane& each : transfers_) {
    ++stats_.calls;
    ++stats_.exact_calls;
    if (each.transfer.call().function != Function::kSend) continue;
    stats_.sent_bytes += each.transfer.bytes();
    stats_.exact_bytes += each.transfer.bytes();
  }
  return {};
}

Status Communicator::advance_transfers(bool* moved, bool* done) {
  *done = true;
  for (TransferInLane& each : transfers_) {
    if (each.lane->finished > each.turn) continue;
    if (each.lane->finished == each.turn) {
      if (Status status = each.transfer.advance(moved); !status.ok()) return poison(status, true);
      if (each.transfer.over()) {
        ++each.lane->finished;
        continue;
      }
    }
    *done = false;
  }
  if (*done) return {};
  Status status = base_.fabric->progress(moved);
  return status.ok() ? status : poison(status, true);
}

}  // namespace coll
