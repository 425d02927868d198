#include "runtime/arena.hpp"

#include <algorithm>
#include <iterator>

namespace coll {

namespace {
constexpr size_t kGrain = 256;  // a few cache lines, so that neighbours are not disturbed by prefetching
}

Arena::Arena(std::span<std::byte> memory) : memory_(memory.data()) {
  if (!memory.empty()) free_[0] = memory.size();
}

Block Arena::take(size_t bytes) {
  const size_t wanted = (bytes + kGrain - 1) / kGrain * kGrain;
  const auto found =
      std::find_if(free_.begin(), free_.end(), [wanted](const auto& range) { return range.second >= wanted; });
  Block block;
  if (wanted == 0 || found == free_.end()) return block;
  const auto [offset, size] = *found;
  free_.erase(found);
  if (size > wanted) free_[offset + wanted] = size - wanted;
  block.memory_ = std::shared_ptr<std::byte>(memory_ + offset, [arena = shared_from_this(), at = offset,
                                                                wanted](std::byte*) { arena->give_back(at, wanted); });
  block.capacity_ = wanted;
  return block;
}

void Arena::give_back(size_t offset, size_t bytes) {
  const auto next = free_.lower_bound(offset);
  if (next != free_.end() && next->first == offset + bytes) {
    bytes += next->second;
    free_.erase(next);
  }
  const auto behind = free_.lower_bound(offset);
  if (behind != free_.begin()) {
    const auto before = std::prev(behind);
    if (before->first + before->second == offset) {
      before->second += bytes;
      return;
    }
  }
  free_[offset] = bytes;
}

}  // namespace coll
