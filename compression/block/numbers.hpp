// The numbers that a block's elements become, in units of the block's scale: integers and small floats.
//
// A `Number` has kBits, the largest that encoders make (kLargest), a power of two that no code's magnitude is above
// (kLogLargest), and
//   code(x)            the number nearest to x, ties to even; |x| is at most kLargest and its rounding
//   code(x, random)    x rounded up or down, up the more often the nearer that is; `random` are 32 bits
//   value(code)        of any code, NaN where it stands for no finite number
// Codes are sign-extended where they are read; of what code() returns the low kBits count.
#pragma once

#include <cstdint>

#include "base/float.hpp"

namespace coll::block {

// Adding 1.5 * 2^23 rounds a float below 2^22 to an integer, ties to even, and leaves it in the low bits.
inline constexpr uint32_t kRoundMagic = 0x4b400000u;

COLL_HD inline int32_t nearest_integer(float x) {
  return static_cast<int32_t>(float_bits(x + bits_float(kRoundMagic)) - kRoundMagic);
}

// Stochastic rounding sees 14 bits of the fraction. So much that what rounding errors add to kLargest never shows,
// whence no code needs clamping, and numbers of int8 stay within nearest_integer()'s range.
inline constexpr int kFractionBits = 14;

template <int kBitsT>
struct Integers {
  static constexpr int kBits = kBitsT;
  static constexpr bool kRandom = true;
  static constexpr float kLargest = static_cast<float>((1 << (kBits - 1)) - 1);
  static constexpr int kLogLargest = kBits - 1;

  COLL_HD static int32_t code(float x) { return nearest_integer(x); }
  COLL_HD static int32_t code(float x, uint32_t random) {
    const int32_t fixed = nearest_integer(x * static_cast<float>(1 << kFractionBits));
    return (fixed + static_cast<int32_t>(random >> (32 - kFractionBits))) >> kFractionBits;
  }
  COLL_HD static float value(int32_t code) { return static_cast<float>(code); }
};

template <class SmallT>
struct Floats {
  using Small = SmallT;
  static constexpr int kBits = Small::kBits;
  static constexpr bool kRandom = false;
  static constexpr int kLogLargest = static_cast<int>(Small::kMaxFinite >> Small::kMantissaBits) - Small::kBias + 1;
  static constexpr float kLargest =  // the largest finite number
      static_cast<float>((1u << Small::kMantissaBits) | (Small::kMaxFinite & ((1u << Small::kMantissaBits) - 1))) *
      static_cast<float>(1u << (kLogLargest - 1 - Small::kMantissaBits));

  // Adding a power of two that is so much larger than |x| as mantissas are longer leaves |x|, rounded to the numbers'
  // grid at its size, in the sum's lowest bits; the grid of the subnormals is that of the smallest normal ones.
  static constexpr uint32_t kFar = static_cast<uint32_t>(Small::kShift) << 23;
  static constexpr uint32_t kFirstBinade = kFar + (Small::kMinNormal32 >> Small::kShift);
  COLL_HD static int32_t code(float x) {
    const uint32_t bits = float_bits(x);
    uint32_t exponent = bits & kInf32;
    if (exponent < Small::kMinNormal32) exponent = Small::kMinNormal32;
    const uint32_t sum = float_bits(bits_float(bits & kAbsMask32) + bits_float(exponent + kFar));
    const uint32_t magnitude = sum - exponent + (exponent >> Small::kShift) - kFirstBinade;
    return static_cast<int32_t>(magnitude | (bits >> 31) << (kBits - 1));
  }
  COLL_HD static int32_t code(float x, uint32_t) { return code(x); }
  COLL_HD static float value(int32_t code) {
    const uint32_t magnitude = static_cast<uint32_t>(code) & (Small::kSign - 1);
    return magnitude > Small::kMaxFinite ? bits_float(kNan32) : small_to_float<Small>(static_cast<uint32_t>(code));
  }
};

}  // namespace coll::block
