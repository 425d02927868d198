#include <algorithm>
#include <optional>
#include <utility>

#include "transport/matcher.hpp"
#include "transport/shm/borrowings.hpp"
#include "transport/shm/lendable.hpp"
#include "transport/shm/outbox.hpp"
#include "transport/shm/ring.hpp"
#include "transport/shm/setup.hpp"

namespace coll::shm {

namespace {

struct Peer {
  size_t local;  // its place on the node
  RingReader in;
  Outbox out;
  Borrowings borrowings;
};

// By rank: its place among the node's ranks; the others count as the first.
std::vector<int> places(const std::vector<int>& local_ranks, int nranks) {
  std::vector<int> all(static_cast<size_t>(nranks), 0);
  for (size_t i = 0; i < local_ranks.size(); ++i) all[static_cast<size_t>(local_ranks[i])] = static_cast<int>(i);
  return all;
}

class ShmTransport final : public Transport {
 public:
  ShmTransport(Segment segment, const Place& place, Allocate allocate);

  std::string_view name() const override { return "shm"; }
  bool reaches(int peer) const override { return index_of(peer) >= 0; }
  Status send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) override;
  Status receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) override;
  Status progress(bool* moved) override;
  std::span<std::byte> arena() override;
  bool lends(int peer, std::span<const std::byte> memory, bool to_copy) const override;
  Status give_back(Request* request) override;
  Board* board() override { return &board_; }
  std::span<std::byte> notices(int rank) override;
  bool has_ended(int peer) const override;
  size_t memory_bytes() const override { return segment_.layout().total_bytes(); }
  Status send_control(int peer, const Control& control) override;
  bool poll_control(Control* control) override;
  bool abandon() override;
  bool receives_in_calls() const override { return true; }
  bool any_thread() const override { return true; }

 private:
  int index_of(int peer) const {
    return peer >= 0 && static_cast<size_t>(peer) < index_.size() ? index_[static_cast<size_t>(peer)] : -1;
  }
  Status unreachable(int peer) const {
    return {collInvalidArgument, text("rank ", rank_, ": transport shm does not reach rank ", peer)};
  }
  Status check(int peer) const {
    if (!reaches(peer)) return unreachable(peer);
    if (abandoned_) return {collInvalidUsage, text("rank ", rank_, ": transport shm was abandoned after a failure")};
    return {};
  }
  Lender lender(const Place& place, size_t local) const;
  Status pull(size_t index, bool* moved);
  Status begin_next(size_t index, bool* begun);
  Status begin_lent(size_t index, uint32_t tag, size_t bytes);

  Segment segment_;
  Board board_;
  Allocate allocate_;
  Lendable lendable_;
  size_t own_;
  std::optional<std::span<std::byte>> arena_;  // once somebody has asked for it
  int rank_;
  bool abandoned_ = false;
  std::vector<int> index_;  // of the communicator's ranks in peers_; -1: not on this node
  std::vector<Peer> peers_;
  std::vector<size_t> sending_;    // peers with a queue or loans, so that an idle pair costs nothing
  std::vector<size_t> receiving_;  // peers that something was posted for
  Matcher matcher_;
  Bell* my_bell_ = nullptr;
  uint64_t bell_seen_ = 0;
  size_t next_control_peer_ = 0;
  size_t controls_waiting_ = 0;  // for a free slot
};

ShmTransport::ShmTransport(Segment segment, const Place& place, Allocate allocate)
    : segment_(std::move(segment)),
      board_(segment_.board(), segment_.layout().board_shape(), places(place.local_ranks, place.nranks),
             local_index(place.local_ranks, place.rank)),
      allocate_(std::move(allocate)),
      lendable_(segment_.base(), place.regions),
      own_(local_index(place.local_ranks, place.rank)),
      rank_(place.rank),
      index_(static_cast<size_t>(place.nranks), -1),
      matcher_(place.local_ranks.size() - 1) {
  const auto& local_ranks = place.local_ranks;
  const size_t me = own_;
  const size_t ring_bytes = segment_.layout().ring_bytes;
  my_bell_ = segment_.bell(me);
  for (size_t other = 0; other < local_ranks.size(); ++other) {
    if (other == me) continue;
    index_[static_cast<size_t>(local_ranks[other])] = static_cast<int>(peers_.size());
    peers_.push_back({.local = other,
                      .in = RingReader(segment_.pair(other, me), ring_bytes),
                      .out = Outbox(segment_.pair(me, other), ring_bytes, segment_.bell(other), &lendable_),
                      .borrowings = Borrowings(rank_, lender(place, other))});
  }
}

Lender ShmTransport::lender(const Place& place, size_t local) const {
  return {.rank = place.local_ranks[local],
          .process = place.processes[local],
          .life = Life(segment_.file(), local),
          .bell = segment_.bell(local),
          .returned = &segment_.pair(local, own_)->returned,
          .segment = segment_.base()};
}

Status ShmTransport::send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) {
  COLL_TRY(check(peer));
  Outbox& out = peers_[static_cast<size_t>(index_of(peer))].out;
  const bool was_busy = out.busy();
  out.send({tag, message, request});
  if (!was_busy && out.busy()) sending_.push_back(static_cast<size_t>(index_of(peer)));
  return {};
}

std::span<std::byte> ShmTransport::arena() {
  if (!arena_) {
    arena_ = segment_.allocate_arena(own_, allocate_);
    lendable_.add_arena(*arena_);
  }
  return *arena_;
}

std::span<std::byte> ShmTransport::notices(int rank) {
  if (rank == rank_) return segment_.notices(own_);
  const int index = index_of(rank);
  return index < 0 ? std::span<std::byte>() : segment_.notices(peers_[static_cast<size_t>(index)].local);
}

bool ShmTransport::lends(int peer, std::span<const std::byte> memory, bool to_copy) const {
  return peers_[static_cast<size_t>(index_of(peer))].out.lends(memory, to_copy);
}

bool ShmTransport::has_ended(int peer) const {
  return reaches(peer) && peers_[static_cast<size_t>(index_of(peer))].borrowings.lender_has_ended();
}

Status ShmTransport::give_back(Request* request) {
  return peers_[static_cast<size_t>(index_of(request->lender))].borrowings.give_back(request);
}

Status ShmTransport::receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) {
  COLL_TRY(check(peer));
  const size_t index = static_cast<size_t>(index_of(peer));
  const bool was_waiting = matcher_.waiting(index);
  const auto match = matcher_.post(index, tag, buffer, request);
  if (!was_waiting && matcher_.waiting(index)) receiving_.push_back(index);
  return match ? peers_[index].borrowings.take(*match) : Status();
}

Status ShmTransport::begin_next(size_t index, bool* begun) {
  RingReader& in = peers_[index].in;
  size_t bytes = 0;
  const uint64_t mark = in.begin(&bytes);
  if (mark == 0) return {};
  *begun = true;
  const auto tag = static_cast<uint32_t>(mark);
  if ((mark & kIsLent) != 0) return begin_lent(index, tag, bytes);
  if ((mark & kIsWhole) != 0) {
    const auto message = in.peek(bytes);
    if (message.size() == bytes && matcher_.deliver(index, tag, message)) {
      in.skip(bytes);
      in.end();
      in.release();
      return {};
    }
  }
  matcher_.begin(index, tag, bytes);
  if (!matcher_.streaming(index)) in.release();  // an empty message
  return {};
}

// The loan is whole with its header.
Status ShmTransport::begin_lent(size_t index, uint32_t tag, size_t bytes) {
  Peer& peer = peers_[index];
  Loan loan{};
  peer.in.read(std::as_writable_bytes(std::span(&loan, 1)));
  peer.in.release();
  Lent lent;
  COLL_TRY(peer.borrowings.find(loan, bytes, &lent));
  const auto match = matcher_.begin_lent(index, tag, lent);
  return match ? peer.borrowings.take(*match) : Status();
}

// Reads what has come from one peer, for as long as something of it is waited for.
Status ShmTransport::pull(size_t index, bool* moved) {
  RingReader& in = peers_[index].in;
  while (matcher_.waiting(index)) {
    if (!matcher_.streaming(index)) {
      bool begun = false;
      COLL_TRY(begin_next(index, &begun));
      if (!begun) break;
      *moved = true;
      continue;
    }
    const auto piece = in.peek(std::min(matcher_.missing_bytes(index), kPieceBytes));
    if (piece.empty()) break;
    matcher_.feed(index, piece);
    in.skip(piece.size());
    if (!matcher_.streaming(index)) in.end();
    in.release();
    *moved = true;
  }
  return {};
}

Status ShmTransport::progress(bool* moved) {
  for (size_t i = 0; i < sending_.size();) {
    Outbox& out = peers_[sending_[i]].out;
    if (out.push()) *moved = true;
    if (!out.busy()) {
      sending_[i] = sending_.back();
      sending_.pop_back();
    } else {
      ++i;
    }
  }
  for (size_t i = 0; i < receiving_.size();) {
    const size_t index = receiving_[i];
    COLL_TRY(pull(index, moved));
    if (!matcher_.waiting(index)) {
      receiving_[i] = receiving_.back();
      receiving_.pop_back();
    } else {
      ++i;
    }
  }
  if (controls_waiting_ == 0) return {};
  for (Peer& peer : peers_) controls_waiting_ -= peer.out.push_controls();
  return {};
}

Status ShmTransport::send_control(int peer, const Control& control) {
  if (!reaches(peer)) return unreachable(peer);
  Outbox& out = peers_[static_cast<size_t>(index_of(peer))].out;
  out.add_control(control);
  ++controls_waiting_;
  controls_waiting_ -= out.push_controls();
  return {};
}

bool ShmTransport::poll_control(Control* control) {
  if (my_bell_->rung.load(std::memory_order_acquire) == bell_seen_) return false;
  for (size_t tried = 0; tried < peers_.size(); ++tried) {
    Peer& peer = peers_[next_control_peer_];
    next_control_peer_ = (next_control_peer_ + 1) % peers_.size();
    if (!peer.in.read_control(control)) continue;
    ++bell_seen_;  // one ring for each message
    return true;
  }
  return false;
}

bool ShmTransport::abandon() {
  abandoned_ = true;
  my_bell_->withdrawn.store(1);
  matcher_.clear();
  for (Peer& peer : peers_) peer.out.forget();
  sending_.clear();
  receiving_.clear();
  return false;  // only this process reads and writes the caller's buffers
}

}  // namespace

std::unique_ptr<Transport> make_transport(Segment segment, const Place& place, Allocate allocate) {
  return std::make_unique<ShmTransport>(std::move(segment), place, std::move(allocate));
}

}  // namespace coll::shm
