// The board: what the ranks of a node post for all of them to read, through flags in shared memory. Posting and reading
// take no system call, no lock and no allocation.
//
// Every rank posts the same number of times. Post p of a rank lies in its slot p mod kSlots: the post's number, which
// is the flag, and the payload: behind the flag in its cache line where it fits, else from the next line on. A rank
// posts p only when it is through with reading everybody's posts before p. So whoever has posted p-kSlots+1 no longer
// reads p-kSlots, and its slot may be written again.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace coll {

class Board {
 public:
  static constexpr uint64_t kSlots = 4;
  static constexpr size_t kLineBytes = 64;
  static constexpr size_t kFlagBytes = sizeof(uint64_t);
  static_assert(std::atomic<uint64_t>::is_always_lock_free, "atomics must work between processes");

  static constexpr size_t bytes(size_t nlocal, size_t slot_bytes) { return nlocal * kSlots * slot_bytes; }

  // `memory`: bytes() of shared memory, all zero when the first rank comes; `index_of` gives a rank's place on the
  // node.
  Board(std::byte* memory, size_t slot_bytes, std::vector<int> index_of, size_t own)
      : memory_(memory), slot_bytes_(slot_bytes), index_of_(std::move(index_of)), own_(own) {
    const auto nlocal = static_cast<size_t>(*std::max_element(index_of_.begin(), index_of_.end())) + 1;
    seen_.assign(nlocal, 0);
  }

  size_t capacity() const { return slot_bytes_ - kLineBytes; }

  // Posts are numbered from 1 in the order of the calls, which is the same on all ranks.
  uint64_t reserve() { return ++reserved_; }
  // Whether this rank may write post `number`: its own earlier ones are over, and nobody reads the slot any more.
  bool may_post(uint64_t number) {
    if (finished_ + 1 != number) return false;
    if (number <= kSlots) return true;
    const uint64_t needed = number - kSlots + 1;
    while (slowest_ < seen_.size() && (slowest_ == own_ || at_least(slowest_, needed, number - 1))) ++slowest_;
    if (slowest_ < seen_.size()) return false;
    slowest_ = 0;
    return true;
  }
  // After may_post() was false: the rank whose posts are missing; -1: it is this rank's own turn that has not come.
  int awaited_to_post(uint64_t number) const {
    if (finished_ + 1 != number) return -1;
    return static_cast<int>(std::find(index_of_.begin(), index_of_.end(), static_cast<int>(slowest_)) -
                            index_of_.begin());
  }
  // Where the `bytes` of the own post go.
  std::byte* payload(uint64_t number, size_t bytes) { return slot(own_, number) + offset(bytes); }
  void post(uint64_t number) { flag(own_, number).store(number, std::memory_order_release); }
  // The `bytes` of `rank`'s post, or NULL while it is not there; valid until finish().
  const std::byte* look(int rank, uint64_t number, size_t bytes) {
    const auto local = static_cast<size_t>(index_of_[static_cast<size_t>(rank)]);
    if (flag(local, number).load(std::memory_order_acquire) != number) return nullptr;
    seen_[local] = number;
    return slot(local, number) + offset(bytes);
  }
  // This rank has read what it wants of everybody's post `number`.
  void finish(uint64_t number) { finished_ = number; }

 private:
  static size_t offset(size_t bytes) { return bytes <= kLineBytes - kFlagBytes ? kFlagBytes : kLineBytes; }
  std::byte* slot(size_t local, uint64_t number) const {
    return memory_ + (local * kSlots + number % kSlots) * slot_bytes_;
  }
  std::atomic<uint64_t>& flag(size_t local, uint64_t number) const {
    return *reinterpret_cast<std::atomic<uint64_t>*>(slot(local, number));
  }
  // Whether the rank has posted `number`: its slot then holds that or a later one. A rank that keeps up has posted all
  // up to `newest`, which is looked at first, so that the next few calls need not look.
  bool at_least(size_t local, uint64_t number, uint64_t newest) {
    for (const uint64_t each : {newest, number}) {
      if (seen_[local] >= number) return true;
      seen_[local] = std::max(seen_[local], flag(local, each).load(std::memory_order_acquire));
    }
    return seen_[local] >= number;
  }

  std::byte* memory_;
  size_t slot_bytes_;
  std::vector<int> index_of_;  // by rank
  size_t own_;
  std::vector<uint64_t> seen_;  // by local rank: the newest post that this rank knows of
  size_t slowest_ = 0;          // local ranks below it are known to be far enough
  uint64_t reserved_ = 0;
  uint64_t finished_ = 0;
};

}  // namespace coll
