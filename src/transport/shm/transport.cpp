#include <deque>
#include <utility>

#include "transport/matcher.hpp"
#include "transport/shm/ring.hpp"
#include "transport/shm/setup.hpp"

namespace coll::shm {

namespace {

// Bytes are published and given back in pieces of this size, so that writer and reader work at the same time.
constexpr size_t kPieceBytes = 32 << 10;

struct Outgoing {
  uint32_t tag;
  std::span<const std::byte> message;
  size_t sent;
  bool started;
  Request* request;
};

struct Peer {
  int rank;
  RingWriter out;
  RingReader in;
  Bell* bell;
  std::deque<Outgoing> queue;
  std::deque<Control> controls;  // those that found no free slot
};

class ShmTransport final : public Transport {
 public:
  ShmTransport(Segment segment, const std::vector<int>& local_ranks, int rank, int nranks);

  std::string_view name() const override { return "shm"; }
  bool reaches(int peer) const override { return index_of(peer) >= 0; }
  Status send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) override;
  Status receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) override;
  Status progress(bool* moved) override;
  Status send_control(int peer, const Control& control) override;
  bool poll_control(Control* control) override;
  bool abandon() override;
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
  bool push(Peer& peer);
  bool pull(size_t index);
  bool begin_next(size_t index);
  void flush_controls(Peer& peer);

  Segment segment_;
  int rank_;
  bool abandoned_ = false;
  std::vector<int> index_;  // of the communicator's ranks in peers_; -1: not on this node
  std::vector<Peer> peers_;
  std::vector<size_t> sending_;    // peers with a queue, so that an idle pair costs nothing
  std::vector<size_t> receiving_;  // peers that something was posted for
  Matcher matcher_;
  Bell* my_bell_ = nullptr;
  uint64_t bell_seen_ = 0;
  size_t next_control_peer_ = 0;
};

ShmTransport::ShmTransport(Segment segment, const std::vector<int>& local_ranks, int rank, int nranks)
    : segment_(std::move(segment)),
      rank_(rank),
      index_(static_cast<size_t>(nranks), -1),
      matcher_(local_ranks.size() - 1) {
  const size_t me = local_index(local_ranks, rank);
  const size_t ring_bytes = segment_.layout().ring_bytes;
  my_bell_ = segment_.bell(me);
  for (size_t other = 0; other < local_ranks.size(); ++other) {
    if (other == me) continue;
    index_[static_cast<size_t>(local_ranks[other])] = static_cast<int>(peers_.size());
    peers_.push_back({.rank = local_ranks[other],
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
  p.queue.push_back({tag, message, 0, false, request});
  if (p.queue.size() > 1) return {};  // in order: behind those that wait for room
  push(p);
  if (!p.queue.empty()) sending_.push_back(static_cast<size_t>(index_of(peer)));
  return {};
}

// Writes as much of the peer's queue as there is room for.
bool ShmTransport::push(Peer& peer) {
  bool moved = false;
  while (!peer.queue.empty()) {
    Outgoing& o = peer.queue.front();
    if (!o.started) {
      if (peer.out.free_bytes(sizeof(MessageHeader)) < sizeof(MessageHeader)) return moved;
      const MessageHeader header{o.message.size(), o.tag, 0};
      peer.out.write(std::as_bytes(std::span(&header, 1)));
      o.started = true;
    }
    while (o.sent < o.message.size()) {
      const size_t wanted = std::min(o.message.size() - o.sent, kPieceBytes);
      const size_t piece = std::min(wanted, peer.out.free_bytes(wanted));
      if (piece == 0) {
        peer.out.publish();
        return moved;
      }
      peer.out.write(o.message.subspan(o.sent, piece));
      o.sent += piece;
      if (o.sent < o.message.size()) peer.out.publish();
      moved = true;
    }
    peer.out.pad();
    peer.out.publish();
    o.request->bytes = o.message.size();
    o.request->done = true;
    moved = true;
    peer.queue.pop_front();
  }
  return moved;
}

Status ShmTransport::receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) {
  COLL_TRY(check(peer));
  const size_t index = static_cast<size_t>(index_of(peer));
  const bool was_waiting = matcher_.waiting(index);
  matcher_.post(index, tag, buffer, request);
  if (!was_waiting && matcher_.waiting(index)) receiving_.push_back(index);
  return {};
}

bool ShmTransport::begin_next(size_t index) {
  RingReader& in = peers_[index].in;
  if (in.available_bytes() < sizeof(MessageHeader)) return false;
  MessageHeader header{};
  std::memcpy(&header, in.peek(sizeof header).data(), sizeof header);
  in.skip(sizeof header);
  matcher_.begin(index, header.tag, header.bytes);
  if (!matcher_.streaming(index)) in.release();  // an empty message
  return true;
}

// Reads what has come from one peer, for as long as something of it is waited for.
bool ShmTransport::pull(size_t index) {
  RingReader& in = peers_[index].in;
  bool moved = false;
  while (matcher_.waiting(index)) {
    if (!matcher_.streaming(index)) {
      if (!begin_next(index)) break;
      moved = true;
      continue;
    }
    const auto piece = in.peek(std::min(matcher_.missing_bytes(index), kPieceBytes));
    if (piece.empty()) break;
    matcher_.feed(index, piece);
    in.skip(piece.size());
    if (!matcher_.streaming(index)) in.skip_padding();
    in.release();
    moved = true;
  }
  return moved;
}

Status ShmTransport::progress(bool* moved) {
  for (size_t i = 0; i < sending_.size();) {
    Peer& peer = peers_[sending_[i]];
    if (push(peer)) *moved = true;
    if (peer.queue.empty()) {
      sending_[i] = sending_.back();
      sending_.pop_back();
    } else {
      ++i;
    }
  }
  for (size_t i = 0; i < receiving_.size();) {
    const size_t index = receiving_[i];
    if (pull(index)) *moved = true;
    if (!matcher_.waiting(index)) {
      receiving_[i] = receiving_.back();
      receiving_.pop_back();
    } else {
      ++i;
    }
  }
  for (Peer& peer : peers_) flush_controls(peer);
  return {};
}

void ShmTransport::flush_controls(Peer& peer) {
  while (!peer.controls.empty() && peer.out.write_control(peer.controls.front())) {
    peer.bell->rung.fetch_add(1, std::memory_order_release);
    peer.controls.pop_front();
  }
}

Status ShmTransport::send_control(int peer, const Control& control) {
  if (!reaches(peer)) return unreachable(peer);
  Peer& p = peers_[static_cast<size_t>(index_of(peer))];
  p.controls.push_back(control);
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
  matcher_.clear();
  for (Peer& peer : peers_) peer.queue.clear();
  sending_.clear();
  receiving_.clear();
  return false;  // only this process reads and writes the caller's buffers
}

}  // namespace

std::unique_ptr<Transport> make_transport(Segment segment, const std::vector<int>& local_ranks, int rank, int nranks) {
  return std::make_unique<ShmTransport>(std::move(segment), local_ranks, rank, nranks);
}

}  // namespace coll::shm
