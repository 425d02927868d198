// What of this rank's memory its peers can read where it lies: its arena in the segment, regions, all that the kernel
// copies for them.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "transport/shm/layout.hpp"
#include "transport/shm/regions.hpp"

namespace coll::shm {

class Lendable {
 public:
  Lendable(const std::byte* segment, std::shared_ptr<const Regions> regions)
      : segment_(segment), regions_(std::move(regions)) {}

  void add_arena(std::span<const std::byte> arena) { arena_ = arena; }

  // Where a peer that reaches so much (Reach) can read the message; false where it cannot. `to_copy`: it wants no more
  // than a copy of it.
  bool find(uint64_t reach, std::span<const std::byte> message, bool to_copy, Loan* loan) const {
    if (message.empty()) return false;
    if (message.data() >= arena_.data() && message.data() < arena_.data() + arena_.size()) {
      *loan = {.from = LentFrom::kSegment, .offset = static_cast<uint64_t>(message.data() - segment_)};
      return true;
    }
    return message.size() >= kLeastRegionBytes && find_outside(reach, message, to_copy, loan);
  }

 private:
  static constexpr size_t kLeastRegionBytes = 4 << 10;  // less is copied, which costs no more than giving a loan back
  // Of a process's memory that only the kernel reaches: less goes through the ring, whose two copies cost no more than
  // the system call and the walk through the pages.
  static constexpr size_t kLeastKernelBytes = 16 << 10;
  static_assert(kLeastKernelBytes >= kLeastRegionBytes);

  bool find_outside(uint64_t reach, std::span<const std::byte> message, bool to_copy, Loan* loan) const;

  const std::byte* const segment_;
  const std::shared_ptr<const Regions> regions_;
  std::span<const std::byte> arena_;
};

}  // namespace coll::shm
