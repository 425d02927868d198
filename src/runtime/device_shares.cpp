#include "runtime/device_shares.hpp"

#include <algorithm>

namespace coll {

Status DeviceShares::take(const DeviceOperations& operations, int device, size_t bytes, SharedMemory* shared) {
  if (pop(device, bytes, false, shared)) return {};
  const size_t whole = (bytes + kBlock - 1) / kBlock * kBlock;
  void* memory = nullptr;
  if (Status full = operations.allocate(whole, &memory); !full.ok()) {
    return pop(device, bytes, true, shared) ? Status() : full;
  }
  *shared = {static_cast<std::byte*>(memory), whole, device};
  // A device that cannot share serves its own rank all the same.
  shared->can_be_opened = operations.share(memory, &shared->share).ok();
  return {};
}

// The shortest that is long enough; unless it may be wasted, none of which most would lie idle.
bool DeviceShares::pop(int device, size_t bytes, bool may_waste, SharedMemory* shared) {
  const size_t most = may_waste ? SIZE_MAX : 2 * std::max(bytes, kBlock);
  const std::lock_guard lock(mutex_);
  auto best = free_.end();
  for (auto each = free_.begin(); each != free_.end(); ++each) {
    if (each->device != device || each->bytes < bytes || each->bytes > most) continue;
    if (best == free_.end() || each->bytes < best->bytes) best = each;
  }
  if (best == free_.end()) return false;
  *shared = *best;
  free_.erase(best);
  return true;
}

void DeviceShares::give_back(const SharedMemory& shared) {
  const std::lock_guard lock(mutex_);
  free_.push_back(shared);
  free_.back().published = true;
}

}  // namespace coll
