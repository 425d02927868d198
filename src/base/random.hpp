// Random bits that follow from a key and a counter alone, the same on every machine: what stochastic rounding draws.
//
// A stream is what a seed, a call and a rank come to; the counter is an element's index. Hosts compute them a vector at
// a time (simd_random-inl.hpp), devices one for each lane. Upper bits are the better ones. Nothing here is secret.
#pragma once

#include <cstdint>

#include "base/float.hpp"

namespace coll::random {

// Every bit of the result depends on every bit of x (SplitMix64's last step).
COLL_HD inline uint64_t mixed(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

COLL_HD inline uint64_t stream_of(uint64_t seed, uint64_t call, uint64_t rank) {
  constexpr uint64_t kStep = 0x9e3779b97f4a7c15u;  // so that zeros do not stay zeros
  return mixed(mixed(mixed(seed + kStep) + call + kStep) + rank + kStep);
}

// What 2^32 counters in a row share.
struct Key {
  uint32_t first, second;
};

COLL_HD inline Key key_of(uint64_t stream, uint64_t counter) {
  const auto high = static_cast<uint32_t>(counter >> 32);
  return {static_cast<uint32_t>(stream) + high * 0x9e3779b9u, static_cast<uint32_t>(stream >> 32) ^ high * 0x85ebca6bu};
}

inline constexpr uint32_t kFirstFactor = 0x7feb352du, kSecondFactor = 0x846ca68bu;
inline constexpr int kFirstShift = 16, kSecondShift = 15;

// Two rounds of folding and multiplying, with a part of the key before each.
COLL_HD inline uint32_t bits_of(const Key& key, uint64_t counter) {
  uint32_t x = static_cast<uint32_t>(counter) + key.first;
  x = ((x ^ (x >> kFirstShift)) * kFirstFactor) ^ key.second;
  return (x ^ (x >> kSecondShift)) * kSecondFactor;
}

// The bits of a run of counters.
struct Run {
  uint64_t stream = 0;
  uint64_t first = 0;

  COLL_HD uint32_t operator()(uint64_t i) const { return bits_of(key_of(stream, first + i), first + i); }
  COLL_HD Run after(uint64_t i) const { return {stream, first + i}; }
  // So many counters from here share a key.
  COLL_HD uint64_t sharing_key() const { return (uint64_t{1} << 32) - (first & 0xffffffffu); }
};

}  // namespace coll::random
