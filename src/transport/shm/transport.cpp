#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>

#include "transport/matcher.hpp"
#include "transport/shm/kernel_copy.hpp"
#include "transport/shm/liveness.hpp"
#include "transport/shm/loans.hpp"
#include "transport/shm/ring.hpp"
#include "transport/shm/setup.hpp"

namespace coll::shm {

namespace {

// Bytes are published and given back in pieces of this size, so that writer and reader work at the same time.
constexpr size_t kPieceBytes = 32 << 10;
constexpr size_t kLeastRegionBytes = 4 << 10;  // less is copied, which costs no more than giving a loan back
// Of a process's memory that only the kernel reaches: less goes through the ring, whose two copies cost no more than
// the system call and the walk through the pages.
constexpr size_t kLeastKernelBytes = 16 << 10;

struct Outgoing {
  uint32_t tag;
  std::span<const std::byte> message;
  size_t sent;
  bool started;
  Request* request;
};

struct Peer {
  int rank;
  size_t local;                     // its place on the node
  bool showed_life;                 // when the transport was made
  Loans loans;                      // to it
  std::atomic<uint64_t>* returned;  // of what it has lent to this rank
  PeerRegions regions;
  uint64_t reach;  // into this process
  RingWriter out;
  RingReader in;
  Bell* bell;
  std::deque<Outgoing> queue;
  std::deque<Control> controls;  // those that found no free slot
  bool busy() const { return !queue.empty() || loans.any(); }
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
  bool find_loan(const Peer& peer, std::span<const std::byte> message, bool to_copy, Loan* loan) const;
  bool lend(Peer& peer, const Outgoing& out, Loan loan);
  Status take_lent(Peer& peer, const LentMatch& match);
  Status unreadable(const Peer& peer, int error) const;
  bool push(Peer& peer);
  bool push_one(Peer& peer, Outgoing& out, bool* moved);
  Status pull(size_t index, bool* moved);
  Status begin_next(size_t index, bool* begun);
  Status begin_lent(size_t index, uint32_t tag, size_t bytes);
  void flush_controls(Peer& peer);

  Segment segment_;
  Board board_;
  Allocate allocate_;
  std::shared_ptr<Regions> regions_;
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
      regions_(place.regions),
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
    peers_.push_back({.rank = local_ranks[other],
                      .local = other,
                      .showed_life = shows_life(segment_.file(), other),
                      .loans = Loans(&segment_.pair(me, other)->returned),
                      .returned = &segment_.pair(other, me)->returned,
                      .regions = PeerRegions(place.processes[other]),
                      .reach = segment_.pair(me, other)->reach.load(),
                      .out = RingWriter(segment_.pair(me, other), ring_bytes),
                      .in = RingReader(segment_.pair(other, me), ring_bytes),
                      .bell = segment_.bell(other),
                      .queue = {},
                      .controls = {}});
  }
}

Status ShmTransport::send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) {
  COLL_TRY(check(peer));
  Peer& p = peers_[static_cast<size_t>(index_of(peer))];
  const bool was_busy = p.busy();
  Outgoing out{tag, message, 0, false, request};
  bool moved = false;
  // In order: behind those that wait for room.
  if (!p.queue.empty() || !push_one(p, out, &moved)) p.queue.push_back(out);
  if (!was_busy && p.busy()) sending_.push_back(static_cast<size_t>(index_of(peer)));
  return {};
}

std::span<std::byte> ShmTransport::arena() {
  if (!arena_) arena_ = segment_.allocate_arena(own_, allocate_);
  return *arena_;
}

std::span<std::byte> ShmTransport::notices(int rank) {
  if (rank == rank_) return segment_.notices(own_);
  const int index = index_of(rank);
  return index < 0 ? std::span<std::byte>() : segment_.notices(peers_[static_cast<size_t>(index)].local);
}

bool ShmTransport::lends(int peer, std::span<const std::byte> memory, bool to_copy) const {
  Loan loan{};
  return find_loan(peers_[static_cast<size_t>(index_of(peer))], memory, to_copy, &loan);
}

// Where the peer can read the message; false where it cannot.
bool ShmTransport::find_loan(const Peer& peer, std::span<const std::byte> message, bool to_copy, Loan* loan) const {
  if (message.empty()) return false;
  if (arena_ && message.data() >= arena_->data() && message.data() < arena_->data() + arena_->size()) {
    *loan = {.from = LentFrom::kSegment, .offset = static_cast<uint64_t>(message.data() - segment_.base())};
    return true;
  }
  if (regions_ && (peer.reach & kOpensRegions) != 0 && message.size() >= kLeastRegionBytes) {
    if (const auto part = regions_->find(message)) {
      *loan = {.from = LentFrom::kRegion,
               .offset = part->offset,
               .region = part->region,
               .releases = part->releases,
               .region_bytes = part->region_bytes,
               .fd = part->fd};
      return true;
    }
  }
  if (!to_copy || (peer.reach & kReadsMemory) == 0 || message.size() < kLeastKernelBytes) return false;
  *loan = {.from = LentFrom::kProcess, .offset = reinterpret_cast<uint64_t>(message.data())};
  return true;
}

// Writes where the message lies in place of its bytes. False where there is no room, or as many loans as there can be.
bool ShmTransport::lend(Peer& peer, const Outgoing& out, Loan loan) {
  constexpr size_t kNeeded = sizeof(MessageHeader) + sizeof(Loan);
  if (peer.out.free_bytes(kNeeded) < kNeeded || peer.loans.full()) return false;
  loan.number = peer.loans.add(out.request);
  peer.out.begin(out.tag | kIsLent, out.message.size());
  peer.out.write(std::as_bytes(std::span(&loan, 1)));
  peer.out.end();
  out.request->bytes = out.message.size();
  return true;
}

// A receive and its lent message have met.
Status ShmTransport::take_lent(Peer& peer, const LentMatch& match) {
  const Lent& lent = match.lent;
  Request* const request = match.request;
  request->lender = peer.rank;
  request->loan = lent.number;
  request->view = lent.at;
  complete(request, lent.bytes, match.buffer.size());
  if (lent.at != nullptr && request->may_view) return {};
  const auto buffer = match.buffer.first(request->bytes);
  if (lent.at != nullptr) {
    if (!buffer.empty()) std::memcpy(buffer.data(), lent.at, buffer.size());
  } else if (!copy_from(peer.regions.process(), lent.address, buffer)) {
    return unreadable(peer, errno);
  }
  return give_back(request);
}

// A process that ends gives up its memory before its files, and with them its sign of life.
Status ShmTransport::unreadable(const Peer& peer, int error) const {
  if (error == ESRCH || has_ended(peer.rank)) {
    return {collRemoteError,
            text("rank ", rank_, ": rank ", peer.rank, " has ended while this rank was to read its memory")};
  }
  return {collSystemError,
          text("rank ", rank_, ": rank ", peer.rank, "'s memory cannot be read (", std::strerror(error), ")")};
}

// Whoever has never shown life, because the system has no way to, counts as alive.
bool ShmTransport::has_ended(int peer) const {
  if (!reaches(peer)) return false;
  const Peer& p = peers_[static_cast<size_t>(index_of(peer))];
  return p.showed_life && !shows_life(segment_.file(), p.local);
}

Status ShmTransport::give_back(Request* request) {
  Peer& peer = peers_[static_cast<size_t>(index_of(request->lender))];
  const bool of_program = peer.regions.unpin(request->loan) || request->view == nullptr;
  peer.returned->fetch_xor(uint64_t{1} << request->loan);  // what follows is seen after all that was read
  request->view = nullptr;
  if (!of_program) return {};
  // A rank that gives up says so before its program can change the memory.
  if (peer.bell->withdrawn.load() == 0) return {};
  return {collRemoteError, text("rank ", peer.rank, " gave up while its memory was being read")};
}

// Writes as much of the peer's queue as there is room for.
bool ShmTransport::push(Peer& peer) {
  bool moved = false;
  while (!peer.queue.empty() && push_one(peer, peer.queue.front(), &moved)) peer.queue.pop_front();
  return moved;
}

// Writes as much of one message as there is room for. True once it is through.
bool ShmTransport::push_one(Peer& peer, Outgoing& out, bool* moved) {
  if (Loan loan{}; !out.started && find_loan(peer, out.message, out.request->to_copy, &loan)) {
    if (!lend(peer, out, loan)) return false;
    return *moved = true;
  }
  if (!out.started) {
    if (peer.out.free_bytes(sizeof(MessageHeader)) < sizeof(MessageHeader)) return false;
    peer.out.begin(out.tag, out.message.size());
    out.started = true;
  }
  while (out.sent < out.message.size()) {
    const size_t wanted = std::min(out.message.size() - out.sent, kPieceBytes);
    const size_t piece = std::min(wanted, peer.out.free_bytes(wanted));
    if (piece == 0) {
      peer.out.publish();
      return false;
    }
    peer.out.write(out.message.subspan(out.sent, piece));
    out.sent += piece;
    if (out.sent < out.message.size()) peer.out.publish();
    *moved = true;
  }
  peer.out.end();
  out.request->bytes = out.message.size();
  out.request->done = true;
  return *moved = true;
}

Status ShmTransport::receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) {
  COLL_TRY(check(peer));
  const size_t index = static_cast<size_t>(index_of(peer));
  const bool was_waiting = matcher_.waiting(index);
  const auto match = matcher_.post(index, tag, buffer, request);
  if (!was_waiting && matcher_.waiting(index)) receiving_.push_back(index);
  return match ? take_lent(peers_[index], *match) : Status();
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
  const auto number = static_cast<unsigned>(loan.number % kMostLoans);
  Lent lent{.bytes = bytes, .number = number};
  if (loan.from == LentFrom::kProcess) lent.address = loan.offset;
  if (loan.from == LentFrom::kSegment) lent.at = segment_.base() + loan.offset;
  if (loan.from == LentFrom::kRegion) {
    const RegionPart part{loan.region, loan.releases, loan.region_bytes, loan.offset, loan.fd};
    const Status pinned = peer.regions.pin(part, number, &lent.at);
    if (!pinned.ok()) {
      const bool ended = has_ended(peer.rank);
      return {ended ? collRemoteError : pinned.code(),
              text("rank ", rank_, ", from rank ", peer.rank, ended ? ", which has ended: " : ": ", pinned.message())};
    }
  }
  const auto match = matcher_.begin_lent(index, tag, lent);
  return match ? take_lent(peer, *match) : Status();
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
    Peer& peer = peers_[sending_[i]];
    const bool collected = peer.loans.collect();
    if (push(peer) || collected) *moved = true;
    if (!peer.busy()) {
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
  for (Peer& peer : peers_) flush_controls(peer);
  return {};
}

void ShmTransport::flush_controls(Peer& peer) {
  while (!peer.controls.empty() && peer.out.write_control(peer.controls.front())) {
    peer.bell->rung.fetch_add(1, std::memory_order_release);
    peer.controls.pop_front();
    --controls_waiting_;
  }
}

Status ShmTransport::send_control(int peer, const Control& control) {
  if (!reaches(peer)) return unreachable(peer);
  Peer& p = peers_[static_cast<size_t>(index_of(peer))];
  p.controls.push_back(control);
  ++controls_waiting_;
  flush_controls(p);
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
  for (Peer& peer : peers_) {
    peer.queue.clear();
    peer.loans.forget();
  }
  sending_.clear();
  receiving_.clear();
  return false;  // only this process reads and writes the caller's buffers
}

}  // namespace

std::unique_ptr<Transport> make_transport(Segment segment, const Place& place, Allocate allocate) {
  return std::make_unique<ShmTransport>(std::move(segment), place, std::move(allocate));
}

}  // namespace coll::shm
