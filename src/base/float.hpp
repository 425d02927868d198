// Conversions between float32 and the 16- and 8-bit floats, exact to the bit on every machine.
//
// To the small type: round to nearest, ties to even; NaN becomes the type's one canonical quiet NaN. From it: exact,
// NaN becomes the canonical float32 NaN. fp8 e4m3 is OCP's "fn" type: no infinity, overflow gives NaN. Only integer
// arithmetic and normal float32 values are used, so a flush-to-zero mode of the caller changes nothing.
#pragma once

#include <cstdint>
#include <cstring>

// Functions that CUDA compiles for the device too.
#if defined(__CUDACC__)
#define COLL_HD __host__ __device__
#else
#define COLL_HD
#endif

namespace coll {

inline constexpr uint32_t kNan32 = 0x7fc00000u;
inline constexpr uint64_t kNan64 = 0x7ff8000000000000u;
inline constexpr uint32_t kInf32 = 0x7f800000u;
inline constexpr uint32_t kAbsMask32 = 0x7fffffffu;

COLL_HD inline uint32_t float_bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

COLL_HD inline float bits_float(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// A binary floating-point type of at most 16 bits: sign, exponent, mantissa.
template <int kExponent, int kMantissa, bool kHasInfinity>
struct SmallFloat {
  static constexpr int kExponentBits = kExponent;
  static constexpr int kMantissaBits = kMantissa;
  static constexpr bool kInfinity = kHasInfinity;
  static constexpr int kBits = 1 + kExponent + kMantissa;
  static constexpr int kBias = (1 << (kExponent - 1)) - 1;
  static constexpr uint32_t kSign = 1u << (kBits - 1);
  static constexpr uint32_t kExponentMask = ((1u << kExponent) - 1) << kMantissa;
  // With infinity: the all-ones exponent with the top mantissa bit; without: the one code of all ones.
  static constexpr uint32_t kNan = kHasInfinity ? kExponentMask | (1u << (kMantissa - 1)) : kSign - 1;
  static constexpr uint32_t kMaxFinite = (kHasInfinity ? kExponentMask : kNan) - 1;
  static constexpr uint32_t kOverflow = kHasInfinity ? kExponentMask : kNan;

  // What the SIMD and the scalar conversions share: positions and offsets in float32's bits.
  static constexpr int kShift = 23 - kMantissa;
  static constexpr uint32_t kRebias = static_cast<uint32_t>(127 - kBias) << 23;
  static constexpr uint32_t kMinNormal32 = static_cast<uint32_t>(128 - kBias) << 23;
  // Adding this float to |x| below the normal range leaves x, rounded to the subnormal grid, in its lowest bits.
  static constexpr uint32_t kSubnormalMagic = static_cast<uint32_t>(127 + 1 - kBias + kShift) << 23;
  // 2^(1 - bias - mantissa bits): the value of one unit of a subnormal.
  static constexpr uint32_t kSubnormalUnit = static_cast<uint32_t>(127 + 1 - kBias - kMantissa) << 23;
  // Times this float, |x| below the normal range is below 2^23, in units of 2^-kShift of a subnormal's.
  static constexpr uint32_t kSubnormalFraction = static_cast<uint32_t>(127 - 1 + kBias + 23) << 23;
};

using Fp16 = SmallFloat<5, 10, true>;
using E4m3 = SmallFloat<4, 3, false>;
using E5m2 = SmallFloat<5, 2, true>;

template <typename Small>
COLL_HD inline uint32_t small_from_float(float value) {
  const uint32_t bits = float_bits(value);
  const uint32_t magnitude = bits & kAbsMask32;
  const uint32_t sign = (bits >> 31) << (Small::kBits - 1);
  if (magnitude > kInf32) return Small::kNan;
  if (magnitude < Small::kMinNormal32) {
    const float rounded = bits_float(magnitude) + bits_float(Small::kSubnormalMagic);
    return sign | (float_bits(rounded) - Small::kSubnormalMagic);
  }
  const uint32_t to_even = (magnitude >> Small::kShift) & 1;
  const uint32_t rounded = magnitude - Small::kRebias + ((1u << (Small::kShift - 1)) - 1) + to_even;
  const uint32_t code = rounded >> Small::kShift;
  if (code > Small::kMaxFinite) return Small::kInfinity ? sign | Small::kOverflow : Small::kNan;
  return sign | code;
}

// Stochastic rounding: up or down, up the more often the nearer that is; `random` are 32 random bits, of which the
// upper ones count. Finite values beyond the largest may overflow.
inline constexpr uint32_t kTwoTo23 =
    0x4b000000u;  // adding this float rounds one below it to an integer, in the low bits

template <typename Small>
COLL_HD inline uint32_t small_from_float(float value, uint32_t random) {
  const uint32_t bits = float_bits(value);
  const uint32_t magnitude = bits & kAbsMask32;
  const uint32_t sign = (bits >> 31) << (Small::kBits - 1);
  if (magnitude > kInf32) return Small::kNan;
  uint32_t fixed = magnitude - Small::kRebias;  // the code, with kShift bits of fraction
  if (magnitude < Small::kMinNormal32) {
    fixed = float_bits(bits_float(magnitude) * bits_float(Small::kSubnormalFraction) + bits_float(kTwoTo23)) - kTwoTo23;
  }
  const uint32_t code = (fixed + (random >> (32 - Small::kShift))) >> Small::kShift;
  if (code > Small::kMaxFinite) return Small::kInfinity ? sign | Small::kOverflow : Small::kNan;
  return sign | code;
}

template <typename Small>
COLL_HD inline float small_to_float(uint32_t code) {
  const uint32_t sign = (code & Small::kSign) << (32 - Small::kBits);
  const uint32_t magnitude = code & (Small::kSign - 1);
  if (magnitude > Small::kMaxFinite) {
    return bits_float(Small::kInfinity && magnitude == Small::kOverflow ? sign | kInf32 : kNan32);
  }
  if (magnitude < (1u << Small::kMantissaBits)) {
    const float value = static_cast<float>(static_cast<int32_t>(magnitude)) * bits_float(Small::kSubnormalUnit);
    return bits_float(sign | float_bits(value));
  }
  return bits_float(sign | ((magnitude << Small::kShift) + Small::kRebias));
}

COLL_HD inline uint16_t fp16_from_float(float value) { return static_cast<uint16_t>(small_from_float<Fp16>(value)); }
COLL_HD inline uint16_t fp16_from_float(float value, uint32_t random) {
  return static_cast<uint16_t>(small_from_float<Fp16>(value, random));
}
COLL_HD inline float fp16_to_float(uint16_t code) { return small_to_float<Fp16>(code); }
COLL_HD inline uint8_t e4m3_from_float(float value) { return static_cast<uint8_t>(small_from_float<E4m3>(value)); }
COLL_HD inline float e4m3_to_float(uint8_t code) { return small_to_float<E4m3>(code); }
COLL_HD inline uint8_t e5m2_from_float(float value) { return static_cast<uint8_t>(small_from_float<E5m2>(value)); }
COLL_HD inline float e5m2_to_float(uint8_t code) { return small_to_float<E5m2>(code); }

// bfloat16 is the upper half of a float32, so its subnormals and infinity need no cases.
COLL_HD inline uint16_t bf16_from_float(float value) {
  const uint32_t bits = float_bits(value);
  if ((bits & kAbsMask32) > kInf32) return static_cast<uint16_t>(kNan32 >> 16);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

COLL_HD inline uint16_t bf16_from_float(float value, uint32_t random) {
  const uint32_t bits = float_bits(value);
  if ((bits & kAbsMask32) > kInf32) return static_cast<uint16_t>(kNan32 >> 16);
  return static_cast<uint16_t>((bits + (random >> 16)) >> 16);  // infinity's lower half is zeros: it stays
}

COLL_HD inline float bf16_to_float(uint16_t code) {
  const uint32_t bits = static_cast<uint32_t>(code) << 16;
  return bits_float((bits & kAbsMask32) > kInf32 ? kNan32 : bits);
}

}  // namespace coll
