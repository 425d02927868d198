// The small float types against tables of their values computed in float64.
#include "base/float.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <vector>

namespace coll {
namespace {

// A type as its definition says: value of each finite magnitude, and what lies beyond the last.
struct Definition {
  int exponent_bits, mantissa_bits;
  uint32_t max_finite, infinity, nan;  // codes; infinity == nan where there is none
  std::function<uint32_t(float)> encode;
  std::function<float(uint32_t)> decode;

  int bits() const { return 1 + exponent_bits + mantissa_bits; }
  double value(uint32_t magnitude) const {
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = static_cast<int>(magnitude >> mantissa_bits);
    const double fraction = std::ldexp(magnitude & ((1u << mantissa_bits) - 1), -mantissa_bits);
    return exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias);
  }
  // Nearest code, ties to the even one; the code after the largest finite one means overflow.
  uint32_t nearest(float x) const {
    if (std::isnan(x)) return nan;
    const uint32_t sign = std::signbit(x) ? 1u << (bits() - 1) : 0;
    const double size = std::abs(static_cast<double>(x));
    uint32_t low = 0, high = max_finite + 1;
    while (high - low > 1) {
      const uint32_t middle = (low + high) / 2;
      (value(middle) <= size ? low : high) = middle;
    }
    const double below = size - value(low), above = value(high) - size;
    const uint32_t code = below < above || (below == above && low % 2 == 0) ? low : high;
    if (code <= max_finite) return sign | code;
    return infinity == nan ? nan : sign | infinity;
  }
};

std::vector<Definition> definitions() {
  return {
      {5, 10, 0x7bff, 0x7c00, 0x7e00, [](float x) { return fp16_from_float(x); },
       [](uint32_t c) { return fp16_to_float(static_cast<uint16_t>(c)); }},
      {8, 7, 0x7f7f, 0x7f80, 0x7fc0, [](float x) { return bf16_from_float(x); },
       [](uint32_t c) { return bf16_to_float(static_cast<uint16_t>(c)); }},
      {4, 3, 0x7e, 0x7f, 0x7f, e4m3_from_float, [](uint32_t c) { return e4m3_to_float(static_cast<uint8_t>(c)); }},
      {5, 2, 0x7b, 0x7c, 0x7e, e5m2_from_float, [](uint32_t c) { return e5m2_to_float(static_cast<uint8_t>(c)); }},
  };
}

TEST(SmallFloat, DecodesEveryCode) {
  for (const Definition& type : definitions()) {
    for (uint32_t code = 0; code < (1u << type.bits()); ++code) {
      const uint32_t magnitude = code & ((1u << (type.bits() - 1)) - 1);
      const bool negative = code != magnitude;
      const float decoded = type.decode(code);
      if (magnitude <= type.max_finite) {
        ASSERT_EQ(decoded, negative ? -type.value(magnitude) : type.value(magnitude)) << std::hex << code;
        ASSERT_EQ(std::signbit(decoded), negative) << std::hex << code;
        ASSERT_EQ(type.encode(decoded), code) << std::hex << code;
      } else if (magnitude == type.infinity && type.infinity != type.nan) {
        ASSERT_EQ(decoded, negative ? -INFINITY : INFINITY) << std::hex << code;
        ASSERT_EQ(type.encode(decoded), code) << std::hex << code;
      } else {
        ASSERT_EQ(float_bits(decoded), kNan32) << std::hex << code;
      }
    }
  }
}

TEST(SmallFloat, RoundsTiesAndTheirNeighboursToNearestEven) {
  for (const Definition& type : definitions()) {
    for (uint32_t code = 0; code <= type.max_finite; ++code) {
      const double middle = (type.value(code) + type.value(code + 1)) / 2;
      const float tie = static_cast<float>(middle);
      for (const float x : {tie, std::nextafter(tie, 0.0f), std::nextafter(tie, INFINITY)}) {
        ASSERT_EQ(type.encode(x), type.nearest(x)) << std::hexfloat << x;
        ASSERT_EQ(type.encode(-x), type.nearest(-x)) << std::hexfloat << x;
      }
    }
  }
}

TEST(SmallFloat, RoundsRandomFloatsToNearestEven) {
  std::mt19937 random(1);
  for (const Definition& type : definitions()) {
    for (int i = 0; i < 500000; ++i) {
      const float any = bits_float(random());
      ASSERT_EQ(type.encode(any), type.nearest(any)) << std::hexfloat << any;
      // Within the type's own range, where random bits seldom fall.
      const float near = std::ldexp(static_cast<float>(random()), static_cast<int>(random() % 60) - 72);
      ASSERT_EQ(type.encode(near), type.nearest(near)) << std::hexfloat << near;
    }
  }
}

TEST(SmallFloat, SpecialValues) {
  for (const Definition& type : definitions()) {
    for (const uint32_t nan : {0x7f800001u, 0x7fffffffu, 0xff800001u, 0xffc00000u}) {
      EXPECT_EQ(type.encode(bits_float(nan)), type.nan);
    }
    EXPECT_EQ(type.encode(INFINITY), type.infinity);
    EXPECT_EQ(type.encode(-0.0f), 1u << (type.bits() - 1));
    EXPECT_EQ(type.encode(std::numeric_limits<float>::denorm_min()), 0u);
  }
  EXPECT_EQ(e4m3_from_float(448), 0x7e);
  EXPECT_EQ(e4m3_from_float(464), 0x7e);
  EXPECT_EQ(e4m3_from_float(464.01f), 0x7f);
  EXPECT_EQ(e4m3_from_float(-1000), 0x7f);
  EXPECT_EQ(e5m2_from_float(61439), 0x7b);
  EXPECT_EQ(e5m2_from_float(61440), 0x7c);
  EXPECT_EQ(fp16_from_float(65519), 0x7bff);
  EXPECT_EQ(fp16_from_float(65520), 0x7c00);
}

}  // namespace
}  // namespace coll
