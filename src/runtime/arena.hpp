// The arena of a communicator: blocks of the memory that the ranks of the node can read, so that what is written there
// need not be copied to reach them.
#pragma once

#include <map>
#include <memory>
#include <span>

#include "runtime/staging.hpp"

namespace coll {

class Arena : public std::enable_shared_from_this<Arena> {
 public:
  explicit Arena(std::span<std::byte> memory);
  // The lowest free block of `bytes`, which is the one most likely in a cache; empty where there is none. The caller
  // then sends from ordinary memory, which is copied.
  Block take(size_t bytes);

 private:
  void give_back(size_t offset, size_t bytes);

  std::byte* memory_;
  std::map<size_t, size_t> free_;  // offset -> bytes, no two adjacent
};

}  // namespace coll
