// Late addresses: device work is given to streams before the peers have said where their messages are.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/float.hpp"

namespace coll {

// No process has memory where this bit is set: such an address stands for the word that holds the real one.
inline constexpr uintptr_t kLateBit = uintptr_t{1} << 63;
// What a word holds is a multiple of it, so that lanes may move whole words: what plans cut pieces at, and vectors.
inline constexpr size_t kLateGrain = 64;

// The address that `*word`, pinned memory, will hold by then.
inline void* late(const uint64_t* word) {
  return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(word) | kLateBit);
}

COLL_HD inline bool is_late(const void* address) { return (reinterpret_cast<uintptr_t>(address) & kLateBit) != 0; }

// Of a late address.
COLL_HD inline const uint64_t* word_of(const void* address) {
  return reinterpret_cast<const uint64_t*>(reinterpret_cast<uintptr_t>(address) & ~kLateBit);
}

// The address itself; where it is late, what its word holds now.
COLL_HD inline uintptr_t resolve(const void* address) {
  if (!is_late(address)) return reinterpret_cast<uintptr_t>(address);
#if defined(__CUDA_ARCH__)
  return *static_cast<const volatile uint64_t*>(word_of(address));
#else
  return __atomic_load_n(word_of(address), __ATOMIC_ACQUIRE);
#endif
}

}  // namespace coll
