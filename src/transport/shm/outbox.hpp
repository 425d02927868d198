// What this rank has for one peer: messages in their order, as bytes in the ring or as loans, and control messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>

#include "transport/shm/lendable.hpp"
#include "transport/shm/loans.hpp"
#include "transport/shm/ring.hpp"

namespace coll::shm {

struct Outgoing {
  uint32_t tag;
  std::span<const std::byte> message;
  Request* request;
  size_t sent = 0;
  bool started = false;
};

class Outbox {
 public:
  // `pair`: from this rank to the peer. `bell`: the peer's.
  Outbox(PairHeader* pair, size_t ring_bytes, Bell* bell, const Lendable* lendable)
      : ring_(pair, ring_bytes),
        reach_(pair->reach.load()),
        lendable_(lendable),
        loans_(&pair->returned),
        bell_(bell) {}

  // Writes the message, or keeps it until there is room, behind those that wait for it.
  void send(Outgoing message) {
    bool moved = false;
    if (!queue_.empty() || !write(message, &moved)) queue_.push_back(message);
  }
  // Something waits for room, or is lent.
  bool busy() const { return !queue_.empty() || loans_.any(); }
  // Writes as much as there is room for, and completes the loans that have come back; true where anything has moved.
  bool push();
  bool lends(std::span<const std::byte> memory, bool to_copy) const {
    Loan loan{};
    return lendable_->find(reach_, memory, to_copy, &loan);
  }
  // Touches no request from now on.
  void forget();

  void add_control(const Control& control) { controls_.push_back(control); }
  // Writes the control messages that find a free slot: how many.
  size_t push_controls();

 private:
  bool write(Outgoing& out, bool* moved);
  bool lend(const Outgoing& out, Loan loan);

  // What a short message touches lies together, before the loans' requests.
  RingWriter ring_;
  uint64_t reach_;  // of the peer, into this process
  const Lendable* lendable_;
  std::deque<Outgoing> queue_;
  Loans loans_;
  Bell* bell_;
  std::deque<Control> controls_;  // those that found no free slot
};

}  // namespace coll::shm
