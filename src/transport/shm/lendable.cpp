#include "transport/shm/lendable.hpp"

namespace coll::shm {

bool Lendable::find_outside(uint64_t reach, std::span<const std::byte> message, bool to_copy, Loan* loan) const {
  if (regions_ && (reach & kOpensRegions) != 0) {
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
  if (!to_copy || (reach & kReadsMemory) == 0 || message.size() < kLeastKernelBytes) return false;
  *loan = {.from = LentFrom::kProcess, .offset = reinterpret_cast<uint64_t>(message.data())};
  return true;
}

}  // namespace coll::shm
