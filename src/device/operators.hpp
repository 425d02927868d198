// The operators on accumulators, one element at a time, for host and device: float32, float64 and integers.
//
// merge() keeps NaN, though not its one pattern, as a chain of them ends in Element::to_bits(), which makes it
// canonical. add_product() is merge(value, code * scale) for products that are exact.
#pragma once

#include <type_traits>

#include "base/float.hpp"

namespace coll::device {

struct SumOp {
  template <typename T>
  COLL_HD T merge(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      using U = std::make_unsigned_t<T>;  // sums wrap
      return static_cast<T>(static_cast<U>(static_cast<U>(a) + static_cast<U>(b)));
    } else {
      return a + b;
    }
  }
  // An exact product makes a fused multiply-add round as a multiplication and an addition do.
  COLL_HD float add_product(float value, float code, float scale) const {
#if defined(__CUDA_ARCH__)
    return __fmaf_rn(code, scale, value);
#else
    return value + code * scale;
#endif
  }
  COLL_HD double add_product(double value, float code, float scale) const {
    return value + static_cast<double>(code * scale);
  }
};

struct ProdOp {
  template <typename T>
  COLL_HD T merge(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    } else {
      return a * b;
    }
  }
  template <typename T>
  COLL_HD T add_product(T value, float code, float scale) const {
    return value * static_cast<T>(code * scale);
  }
};

COLL_HD inline float both_zeros(float a, float b, bool smallest) {
  return bits_float(smallest ? float_bits(a) | float_bits(b) : float_bits(a) & float_bits(b));
}
COLL_HD inline double both_zeros(double a, double b, bool smallest) {
  uint64_t x, y;
  std::memcpy(&x, &a, sizeof x);
  std::memcpy(&y, &b, sizeof y);
  x = smallest ? x | y : x & y;
  std::memcpy(&a, &x, sizeof a);
  return a;
}

// Maximum or minimum; NaN wins, -0 < +0.
struct ExtremeOp {
  bool smallest = false;

  template <typename T>
  COLL_HD T merge(T a, T b) const {
    if constexpr (std::is_floating_point_v<T>) {
      if (a != a) return a;                           // NOLINT(misc-redundant-expression): a NaN
      if (b != b) return b;                           // NOLINT(misc-redundant-expression)
      if (a == b) return both_zeros(a, b, smallest);  // equal floats have equal bits, except for the zeros
    }
    return (a < b) == smallest ? a : b;
  }
  template <typename T>
  COLL_HD T add_product(T value, float code, float scale) const {
    return merge(value, static_cast<T>(code * scale));
  }
};

// Bits of the larger of two magnitudes, one of them as bits; NaN is above infinity, with any payload.
COLL_HD inline uint32_t larger_magnitude(uint32_t so_far, float value) {
#if defined(__CUDA_ARCH__)
  float larger;  // one instruction, which takes the absolute value on its way
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(larger) : "f"(__uint_as_float(so_far)), "f"(fabsf(value)));
  return __float_as_uint(larger);
#else
  const uint32_t magnitude = float_bits(value) & kAbsMask32;
  return magnitude > so_far ? magnitude : so_far;
#endif
}

// The last step of an average; integers truncate towards zero.
template <typename T>
COLL_HD inline T divide(T value, int divisor) {
  if constexpr (std::is_integral_v<T>) {
    using Wide = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;
    return static_cast<T>(static_cast<Wide>(value) / static_cast<Wide>(divisor));
  } else {
    return value / static_cast<T>(divisor);
  }
}

}  // namespace coll::device
