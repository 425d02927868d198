// What a peer has been given to read where it lies, and has not given back.
#pragma once

#include <array>
#include <atomic>
#include <bit>

#include "transport/shm/layout.hpp"

namespace coll::shm {

class Loans {
 public:
  explicit Loans(std::atomic<uint64_t>* returned) : returned_(returned) {}

  bool any() const { return out_ != 0; }
  bool full() const { return out_ == ~uint64_t{0}; }
  // The loan's number; `request` is done when it comes back. Not for full() ones.
  unsigned add(Request* request) {
    const auto number = static_cast<unsigned>(std::countr_one(out_));
    out_ |= uint64_t{1} << number;
    requests_[number] = request;
    return number;
  }
  // Completes what has come back; true where anything has.
  bool collect() {
    if (out_ == 0) return false;
    const uint64_t returned = returned_->load(std::memory_order_acquire);
    uint64_t changed = returned ^ seen_;
    if (changed == 0) return false;
    seen_ = returned;
    out_ &= ~changed;
    for (; changed != 0; changed &= changed - 1) requests_[static_cast<size_t>(std::countr_zero(changed))]->done = true;
    return true;
  }
  void forget() { out_ = 0; }

 private:
  std::atomic<uint64_t>* returned_;  // a bit for each number, which flips when the loan comes back
  uint64_t seen_ = 0;
  uint64_t out_ = 0;
  std::array<Request*, kMostLoans> requests_{};
};

}  // namespace coll::shm
