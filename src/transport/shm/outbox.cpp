#include "transport/shm/outbox.hpp"

#include <algorithm>

namespace coll::shm {

bool Outbox::push() {
  bool moved = loans_.collect();
  while (!queue_.empty() && write(queue_.front(), &moved)) queue_.pop_front();
  return moved;
}

// Writes as much of one message as there is room for. True once it is through.
bool Outbox::write(Outgoing& out, bool* moved) {
  if (Loan loan{}; !out.started && lendable_->find(reach_, out.message, out.request->to_copy, &loan)) {
    if (!lend(out, loan)) return false;
    return *moved = true;
  }
  if (!out.started) {
    if (ring_.free_bytes(sizeof(MessageHeader)) < sizeof(MessageHeader)) return false;
    ring_.begin(out.tag, out.message.size());
    out.started = true;
  }
  while (out.sent < out.message.size()) {
    const size_t wanted = std::min(out.message.size() - out.sent, kPieceBytes);
    const size_t piece = std::min(wanted, ring_.free_bytes(wanted));
    if (piece == 0) {
      ring_.publish();
      return false;
    }
    ring_.write(out.message.subspan(out.sent, piece));
    out.sent += piece;
    if (out.sent < out.message.size()) ring_.publish();
    *moved = true;
  }
  ring_.end();
  out.request->bytes = out.message.size();
  out.request->done = true;
  return *moved = true;
}

// Writes where the message lies in place of its bytes. False where there is no room, or as many loans as there can be.
bool Outbox::lend(const Outgoing& out, Loan loan) {
  constexpr size_t kNeeded = sizeof(MessageHeader) + sizeof(Loan);
  if (ring_.free_bytes(kNeeded) < kNeeded || loans_.full()) return false;
  loan.number = loans_.add(out.request);
  ring_.begin(out.tag | kIsLent, out.message.size());
  ring_.write(std::as_bytes(std::span(&loan, 1)));
  ring_.end();
  out.request->bytes = out.message.size();
  return true;
}

void Outbox::forget() {
  queue_.clear();
  loans_.forget();
}

size_t Outbox::push_controls() {
  size_t pushed = 0;
  while (!controls_.empty() && ring_.write_control(controls_.front())) {
    bell_->rung.fetch_add(1, std::memory_order_release);
    controls_.pop_front();
    ++pushed;
  }
  return pushed;
}

}  // namespace coll::shm
