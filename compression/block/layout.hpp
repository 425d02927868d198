// Layout and scalar arithmetic of the block-scaled integer codecs, shared by host and device.
//
// A message is a scale section (one bf16 per block, padded with zeros to a multiple of 16 bytes) and then the codes of
// all elements, block after block. A codec adds how codes of a block are packed: a `Packing` with kBits,
//   byte(q, m, i)          byte i of a block of m elements, where q(j) is the integer of element j
//   code(codes, m, i)      the integer of element i
// The SIMD kernels do the same arithmetic in the same order, so that the bytes are the same everywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/float.hpp"

namespace coll::block {

// ---- Sizes
// -----------------------------------------------------------------------------------------------------------

COLL_HD constexpr size_t block_count(size_t count, size_t block) { return count / block + (count % block != 0); }
COLL_HD constexpr size_t scale_bytes(size_t count, size_t block) {
  return (block_count(count, block) * sizeof(uint16_t) + 15) / 16 * 16;
}
// Blocks are multiples of 8 elements, so only the last one's codes can end within a byte.
COLL_HD constexpr size_t code_bytes(size_t count, int bits) {
  return count / 8 * static_cast<size_t>(bits) + (count % 8 * static_cast<size_t>(bits) + 7) / 8;
}

// ---- Scale
// -----------------------------------------------------------------------------------------------------------

// Codes are integers in [-max_code, max_code].
COLL_HD constexpr int max_code(int bits) { return (1 << (bits - 1)) - 1; }

inline constexpr uint16_t kNanScale = kNan32 >> 16;  // of a block that holds a NaN or an infinity
inline constexpr uint16_t kInfScale = kInf32 >> 16;
inline constexpr uint32_t kMinScale32 = 0x00800000u;  // 2^-126: the smallest scale whose inverse is finite

// The scale of a block, as bf16 bits, from the bits of its largest magnitude: that over max_code, rounded up.
template <int kBits>
COLL_HD inline uint16_t scale_of(uint32_t amax_bits) {
  constexpr float kInverse = 1.0f / static_cast<float>(max_code(kBits));
  if (amax_bits >= kInf32) return kNanScale;
  uint32_t bits = float_bits(bits_float(amax_bits) * kInverse);
  if (bits < kMinScale32) bits = kMinScale32;
  return static_cast<uint16_t>((bits + 0xffffu) >> 16);
}

COLL_HD inline float scale_value(uint16_t scale) { return bits_float(static_cast<uint32_t>(scale) << 16); }

// A decoder may multiply codes of such a scale without a care: it is finite, not negative, and no product overflows.
template <int kBits>
COLL_HD constexpr bool plain_scale(uint16_t scale) {
  constexpr uint16_t kLargest = static_cast<uint16_t>((127 + 127 - (kBits - 1)) << 7);  // 2^127 / 2^(bits-1)
  return scale <= kLargest;
}

// ---- Elements
// ----------------------------------------------------------------------------------------------------------

// Adding 1.5 * 2^23 rounds a float below 2^22 to an integer, ties to even, and leaves it in the low bits.
inline constexpr uint32_t kRoundMagic = 0x4b400000u;

COLL_HD inline int32_t quantise(float x, float inverse_scale) {
  const float scaled = x * inverse_scale;
  return static_cast<int32_t>(float_bits(scaled + bits_float(kRoundMagic)) - kRoundMagic);
}

// For every scale there is: NaN where it is not finite; products beyond the range become the largest float.
COLL_HD inline float dequantise(int32_t code, uint16_t scale) {
  if ((scale & 0x7fffu) >= kInfScale) return bits_float(kNan32);
  const float value = static_cast<float>(code) * scale_value(scale);
  const uint32_t bits = float_bits(value);
  return (bits & kAbsMask32) < kInf32 ? value : bits_float(bits - 1);
}

// ---- Blocks, one element after the other ---------------------------------------------------------------------------

// in[0..m) -> the block's scale and its code_bytes(m) bytes.
template <class Packing>
COLL_HD inline uint16_t encode_block(const float* in, size_t m, uint8_t* codes) {
  uint32_t amax = 0;
  for (size_t i = 0; i < m; ++i) {
    const uint32_t magnitude = float_bits(in[i]) & kAbsMask32;
    if (magnitude > amax) amax = magnitude;
  }
  const uint16_t scale = scale_of<Packing::kBits>(amax);
  const float inverse = 1.0f / scale_value(scale);
  const auto q = [=](size_t i) { return scale == kNanScale ? 0 : quantise(in[i], inverse); };
  for (size_t i = 0; i < code_bytes(m, Packing::kBits); ++i) codes[i] = Packing::byte(q, m, i);
  return scale;
}

template <class Packing>
COLL_HD inline void decode_block(uint16_t scale, const uint8_t* codes, size_t m, float* out) {
  for (size_t i = 0; i < m; ++i) out[i] = dequantise(Packing::code(codes, m, i), scale);
}

}  // namespace coll::block
