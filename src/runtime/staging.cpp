#include "runtime/staging.hpp"

#include <bit>
#include <cstdlib>

namespace coll {

namespace {
constexpr size_t kAlignment = 64;
constexpr size_t kSmallestBlock = 256;
constexpr size_t kMostIdleBytes = size_t{64} << 20;  // beyond this, blocks go back to the system
}  // namespace

Block Block::borrowed(std::span<std::byte> memory) {
  Block block;
  block.memory_ = std::shared_ptr<std::byte>(std::shared_ptr<std::byte>(), memory.data());
  block.capacity_ = memory.size();
  return block;
}

void Block::leak() {
  if (memory_) new std::shared_ptr<std::byte>(memory_);  // one reference that nobody drops
  memory_.reset();
}

Block StagingPool::take(size_t bytes) {
  const size_t capacity = std::bit_ceil(bytes < kSmallestBlock ? kSmallestBlock : bytes);
  std::byte* memory = nullptr;
  {
    const std::lock_guard lock(mutex_);
    auto& idle = free_[capacity];
    if (!idle.empty()) {
      memory = idle.back();
      idle.pop_back();
    }
  }
  Block block;
  if (memory == nullptr) {
    memory = static_cast<std::byte*>(std::aligned_alloc(kAlignment, capacity));
    if (memory == nullptr) return block;
    const std::lock_guard lock(mutex_);
    held_bytes_ += capacity;
  }
  block.capacity_ = capacity;
  block.memory_ = {memory, [pool = shared_from_this(), capacity](std::byte* p) { pool->give_back(p, capacity); }};
  return block;
}

void StagingPool::give_back(std::byte* memory, size_t capacity) {
  const std::lock_guard lock(mutex_);
  if (held_bytes_ > kMostIdleBytes) {
    held_bytes_ -= capacity;
    std::free(memory);
    return;
  }
  free_[capacity].push_back(memory);
}

size_t StagingPool::held_bytes() const {
  const std::lock_guard lock(mutex_);
  return held_bytes_;
}

StagingPool::~StagingPool() {
  for (auto& [capacity, idle] : free_) {
    for (std::byte* memory : idle) std::free(memory);
  }
}

}  // namespace coll
