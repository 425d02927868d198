// The numbers of block codecs by float64 arithmetic: which one is nearest, what each is worth, and where int6's bits
// lie.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "compression/codec.hpp"
#include "compression/fp8e4m3/layout.hpp"
#include "compression/fp8e5m2/layout.hpp"
#include "compression/int6/layout.hpp"

namespace coll {
namespace {

// OCP's 8-bit floats: sign, exponent, mantissa.
struct Ocp {
  int exponent_bits, mantissa_bits, bias;
  double largest;

  // A finite code's value.
  double value(uint32_t code) const {
    const int exponent = static_cast<int>(code >> mantissa_bits) & ((1 << exponent_bits) - 1);
    const double mantissa = code & ((1u << mantissa_bits) - 1);
    const double one = 1 << mantissa_bits;
    const double size =
        exponent == 0 ? std::ldexp(mantissa / one, 1 - bias) : std::ldexp(1 + mantissa / one, exponent - bias);
    return code & 0x80 ? -size : size;
  }
  bool finite(uint32_t code) const { return std::abs(value(code)) <= largest; }
  // The code of the finite number nearest to x, the even one of two.
  uint32_t nearest(double x) const {
    uint32_t best = 0;
    for (uint32_t code = 0; code < 0x80 && finite(code); ++code) {
      const double distance = std::abs(value(code) - std::abs(x)), other = std::abs(value(best) - std::abs(x));
      if (distance < other || (distance == other && code % 2 == 0)) best = code;
    }
    return best | (std::signbit(x) ? 0x80u : 0u);
  }
};
constexpr Ocp kE4m3{4, 3, 7, 448}, kE5m2{5, 2, 15, 57344};

template <class Number>
void check_floats(const Ocp& ocp) {
  EXPECT_EQ(double{Number::kLargest}, ocp.largest);
  EXPECT_LE(ocp.largest, std::ldexp(1, Number::kLogLargest));
  for (uint32_t code = 0; code < 256; ++code) {
    const float value = Number::value(static_cast<int8_t>(code));
    if (ocp.finite(code)) {
      EXPECT_EQ(double{value}, ocp.value(code)) << code;
      EXPECT_EQ(std::signbit(value), code >= 128) << code;
      EXPECT_EQ(static_cast<uint32_t>(Number::code(value)) & 0xff, code);
    } else {
      EXPECT_EQ(float_bits(value), kNan32) << code;
    }
  }
  // Ties, their neighbours, and everything between; what rounding may put above the largest.
  std::vector<float> all = {std::nextafter(Number::kLargest, INFINITY), Number::kLargest * (1 + 0x1p-22f)};
  for (uint32_t code = 0; ocp.finite(code + 1) && code < 0x7f; ++code) {
    const auto tie = static_cast<float>((ocp.value(code) + ocp.value(code + 1)) / 2);
    for (const float x : {tie, std::nextafter(tie, INFINITY), std::nextafter(tie, 0.0f)}) all.push_back(x);
  }
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    all.push_back(std::ldexp(static_cast<float>(random() >> 8), -24 + static_cast<int>(random() % 36) - 25));
  }
  for (const float x : all) {
    if (double{x} > ocp.largest * (1 + 0x1p-21)) continue;
    for (const float signed_x : {x, -x}) {
      ASSERT_EQ(static_cast<uint32_t>(Number::code(signed_x)) & 0xff, ocp.nearest(double{signed_x})) << signed_x;
    }
  }
}

TEST(Numbers, E4m3IsOcps) { check_floats<fp8e4m3_codec::Packing::Number>(kE4m3); }
TEST(Numbers, E5m2IsOcps) { check_floats<fp8e5m2_codec::Packing::Number>(kE5m2); }

TEST(Numbers, IntegersRoundToEvenAndUpAsOftenAsTheFractionSays) {
  using Number = block::Integers<8>;
  EXPECT_EQ(Number::code(2.5f), 2);
  EXPECT_EQ(Number::code(-3.5f), -4);
  EXPECT_EQ(Number::code(126.6f), 127);
  for (const float x : {0.25f, -0.25f, 100.75f, -126.5f}) {
    int up = 0;
    for (uint32_t chance = 0; chance < 1u << block::kFractionBits; ++chance) {
      const int32_t code = Number::code(x, chance << (32 - block::kFractionBits) | 12345);
      ASSERT_TRUE(code == std::floor(x) || code == std::ceil(x)) << x << " " << code;
      up += code == std::ceil(x) ? 1 : 0;
    }
    EXPECT_EQ(up, (double{x} - std::floor(x)) * (1 << block::kFractionBits)) << x;
  }
  // Nothing that rounding adds to the largest shows.
  for (const uint32_t random : {0u, 0xffffffffu}) {
    EXPECT_EQ(Number::code(127 * (1 + 0x1p-22f), random), 127);
    EXPECT_EQ(Number::code(-127 * (1 + 0x1p-22f), random), -127);
  }
}

// FORMAT.md's bytes, written down once more: rows of r = ceil(m/4) bytes, the last run's bits in their low two.
TEST(Int6, BytesAreRowsWithTheLastRunBelow) {
  std::unique_ptr<Codec> codec;
  ASSERT_TRUE(make_codec("int6:block=32", &codec).ok());
  for (size_t m = 1; m <= 32; ++m) {
    std::mt19937 random(static_cast<unsigned>(m));
    std::vector<float> in(m);
    for (float& x : in) x = static_cast<float>(static_cast<int>(random() % 63) - 31);
    in[m - 1] = m % 2 != 0 ? 31.0f : -31.0f;  // so that the scale is 1
    const size_t r = (m + 3) / 4;
    std::vector<uint8_t> expected(16 + 3 * r);
    expected[0] = 0x80;
    expected[1] = 0x3f;
    for (size_t i = 0; i < m; ++i) {
      const auto code = static_cast<unsigned>(static_cast<int>(in[i])) & 63u;
      if (i < 3 * r) {
        expected[16 + i] = static_cast<uint8_t>(expected[16 + i] | code << 2);
      } else {
        for (size_t row = 0; row < 3; ++row) {
          uint8_t& byte = expected[16 + row * r + i - 3 * r];
          byte = static_cast<uint8_t>(byte | (code >> (2 * row) & 3u));
        }
      }
    }
    std::vector<uint8_t> message(codec->max_bytes(m));
    auto* const bytes = reinterpret_cast<std::byte*>(message.data());
    codec->encode(in.data(), {0, m, m}, {}, bytes);
    EXPECT_EQ(message, expected) << m;
    std::vector<float> out(m);
    codec->decode(bytes, {0, m, m}, out.data());
    EXPECT_EQ(out, in);
  }
}

}  // namespace
}  // namespace coll
