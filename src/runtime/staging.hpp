// Staging memory: cache-line aligned blocks from a pool that the process's communicators share.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace coll {

class Arena;
class StagingPool;

// A counted reference to a block; the block goes back to its pool with the last one. Values passed on by several sends
// are the same block.
class Block {
 public:
  Block() = default;
  std::byte* data() const { return memory_ ? memory_.get() : nullptr; }
  size_t capacity() const { return capacity_; }
  explicit operator bool() const { return memory_ != nullptr; }
  // Memory that is somebody else's, and stays his.
  static Block borrowed(std::span<std::byte> memory);
  // Never gives the memory back: for blocks that a failed receive may still write to.
  void leak();

 private:
  friend class Arena;
  friend class StagingPool;
  std::shared_ptr<std::byte> memory_;
  size_t capacity_ = 0;
};

class StagingPool : public std::enable_shared_from_this<StagingPool> {
 public:
  // At least `bytes` of uninitialised memory; an empty block where the system has none left.
  Block take(size_t bytes);
  size_t held_bytes() const;  // taken from the system, in use or not
  ~StagingPool();

 private:
  void give_back(std::byte* memory, size_t capacity);

  mutable std::mutex mutex_;
  std::map<size_t, std::vector<std::byte*>> free_;  // by capacity
  size_t held_bytes_ = 0;
};

}  // namespace coll
