// Layout and scalar arithmetic of the block-scaled codecs, shared by host and device.
//
// A message is a scale section (one bf16 per block, padded with zeros to a multiple of 16 bytes) and then the codes of
// all elements, block after block. A codec adds how codes of a block are packed: a `Packing` with its Number
// (numbers.hpp), kRuns, the runs of ceil(m / kRuns) elements of a block of m that share bytes, and
//   byte(q, m, i)          byte i of a block of m elements, where q(j) is the code of element j
//   code(codes, m, i)      the code of element i
// The SIMD kernels do the same arithmetic in the same order, so that the bytes are the same everywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/float.hpp"
#include "base/random.hpp"
#include "compression/block/numbers.hpp"

namespace coll::block {

// ---- Sizes ---------------------------------------------------------------------------------------------------------

COLL_HD constexpr size_t block_count(size_t count, size_t block) { return count / block + (count % block != 0); }
COLL_HD constexpr size_t scale_bytes(size_t count, size_t block) {
  return (block_count(count, block) * sizeof(uint16_t) + 15) / 16 * 16;
}

// So many elements fill whole bytes: 1, 2 and 4 of 8, 4 and 6 bits.
COLL_HD constexpr size_t elements_together(int bits) { return bits == 8 ? 1 : bits == 4 ? 2 : 4; }
// Blocks are multiples of 32 elements, so only the last one's codes can have bits to spare.
COLL_HD constexpr size_t code_bytes(size_t count, int bits) {
  const size_t together = elements_together(bits);
  return (count / together + (count % together != 0)) * (together * static_cast<size_t>(bits) / 8);
}

// ---- Scale ---------------------------------------------------------------------------------------------------------

inline constexpr uint16_t kNanScale = kNan32 >> 16;  // of a block that holds a NaN or an infinity
inline constexpr uint16_t kInfScale = kInf32 >> 16;
inline constexpr uint32_t kMinScale32 = 0x00800000u;  // 2^-126: the smallest scale whose inverse is finite

// The scale of a block, as bf16 bits, from the bits of its largest magnitude: that over kLargest, rounded up.
template <class Number>
COLL_HD inline uint16_t scale_of(uint32_t amax_bits) {
  constexpr float kInverse = 1.0f / Number::kLargest;
  if (amax_bits >= kInf32) return kNanScale;
  uint32_t bits = float_bits(bits_float(amax_bits) * kInverse);
  if (bits < kMinScale32) bits = kMinScale32;
  return static_cast<uint16_t>((bits + 0xffffu) >> 16);
}

COLL_HD inline float scale_value(uint16_t scale) { return bits_float(static_cast<uint32_t>(scale) << 16); }

// A decoder may multiply finite codes by such a scale without a care: it is finite, not negative, and no product
// overflows.
template <class Number>
COLL_HD constexpr bool plain_scale(uint16_t scale) {
  constexpr uint16_t kLargest = static_cast<uint16_t>((127 + 127 - Number::kLogLargest) << 7);
  return scale <= kLargest;
}

// ---- Elements ------------------------------------------------------------------------------------------------------

// A number in units of a scale, for every one there is: NaN where one of them is not finite; products beyond the range
// become the largest float.
COLL_HD inline float scaled_value(float number, uint16_t scale) {
  if ((scale & 0x7fffu) >= kInfScale) return bits_float(kNan32);
  const float value = number * scale_value(scale);
  const uint32_t magnitude = float_bits(value) & kAbsMask32;
  if (magnitude < kInf32) return value;
  return bits_float(magnitude > kInf32 ? kNan32 : float_bits(value) - 1);
}

template <class Number>
COLL_HD inline float dequantise(int32_t code, uint16_t scale) {
  return scaled_value(Number::value(code), scale);
}

// ---- Blocks, one element after the other ---------------------------------------------------------------------------

// in[0..m) -> the block's scale and its code_bytes(m) bytes; rounded with `random`, unless that is NULL, from the
// block's first element on.
template <class Packing>
COLL_HD inline uint16_t encode_block(const float* in, size_t m, uint8_t* codes, const random::Run* random = nullptr) {
  using Number = typename Packing::Number;
  uint32_t amax = 0;
  for (size_t i = 0; i < m; ++i) {
    const uint32_t magnitude = float_bits(in[i]) & kAbsMask32;
    if (magnitude > amax) amax = magnitude;
  }
  const uint16_t scale = scale_of<Number>(amax);
  const float inverse = 1.0f / scale_value(scale);
  const auto q = [=](size_t i) {
    if (scale == kNanScale) return 0;
    const float x = in[i] * inverse;
    return random != nullptr ? Number::code(x, (*random)(i)) : Number::code(x);
  };
  for (size_t i = 0; i < code_bytes(m, Number::kBits); ++i) codes[i] = Packing::byte(q, m, i);
  return scale;
}

template <class Packing>
COLL_HD inline void decode_block(uint16_t scale, const uint8_t* codes, size_t m, float* out) {
  for (size_t i = 0; i < m; ++i) out[i] = dequantise<typename Packing::Number>(Packing::code(codes, m, i), scale);
}

}  // namespace coll::block
