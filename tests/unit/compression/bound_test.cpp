// The published bounds hold, and NaN and infinities stay visible where they are.
#include <gtest/gtest.h>

#include <algorithm>

#include "compression/codec.hpp"
#include "unit/compression/test_data.hpp"

namespace coll {
namespace {

class Bound : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { ASSERT_TRUE(make_codec(GetParam(), &codec_).ok()); }
  const Codec& codec() const { return *codec_; }
  const CodecTraits& traits() const { return codec_->traits(); }

  std::vector<float> round_trip(const std::vector<float>& in) const {
    const Tile whole{0, in.size(), in.size()};
    std::vector<std::byte> message(codec_->max_bytes(in.size()));
    std::vector<float> out(in.size());
    codec_->encode(in.data(), whole, {}, message.data());
    codec_->decode(message.data(), whole, out.data());
    return out;
  }
  // The largest magnitude of the block that begins at element `begin`; NaN and infinity count as infinity.
  double block_max(const std::vector<float>& in, size_t begin) const {
    double largest = 0;
    for (size_t i = begin; i < std::min(begin + traits().block, in.size()); ++i) {
      largest = std::max(largest, std::isfinite(in[i]) ? std::abs(double{in[i]}) : INFINITY);
    }
    return largest;
  }
  // Every element within error_bound(), and within bound_value where that is promised; returns the worst ratio.
  double check(const std::vector<float>& in) const {
    const std::vector<float> out = round_trip(in);
    double worst = 0, largest = 0;
    for (size_t i = 0; i < in.size(); ++i) {
      if (i % traits().block == 0) largest = block_max(in, i);
      const double bound = codec_->error_bound(in[i], largest);
      if (std::isinf(bound)) continue;
      const double error = std::abs(double{out[i]} - double{in[i]});
      EXPECT_LE(error, bound) << std::hexfloat << in[i] << " -> " << out[i] << " block max " << largest;
      if (bound > 0) worst = std::max(worst, error / bound);
    }
    return worst;
  }

 private:
  std::unique_ptr<Codec> codec_;
};

TEST_P(Bound, HoldsAtEveryMagnitude) {
  std::mt19937 random(1);
  double worst = 0;
  for (int exponent = -149; exponent <= 127; ++exponent) {
    std::vector<float> in(2048);
    for (float& x : in) {
      const float fraction = 1 + std::ldexp(static_cast<float>(random() >> 9), -23);
      x = std::ldexp(random() % 2 != 0 ? fraction : -fraction, exponent - static_cast<int>(random() % 12));
    }
    worst = std::max(worst, check(in));
  }
  if (!traits().lossless) {
    EXPECT_GT(worst, 0.95) << "the bound is far from what happens";
  }
}

TEST_P(Bound, HoldsForEveryBlockMaximumMantissa) {
  // One binade of block maxima in small steps, with elements spread evenly below each.
  std::vector<float> in(std::max<size_t>(traits().block, 32));
  for (uint32_t mantissa = 0; mantissa < 1u << 23; mantissa += static_cast<uint32_t>(1021 * in.size() / 32)) {
    const float largest = bits_float(0x3f800000u + mantissa);
    for (size_t i = 0; i < in.size(); ++i) {
      in[i] = largest * static_cast<float>(i + 1) / static_cast<float>(in.size());
    }
    check(in);
  }
}

TEST_P(Bound, HoldsNearTheLargestFloat) {
  const float largest = std::numeric_limits<float>::max();
  for (int step = 0; step < 2000; ++step) {
    std::vector<float> in(traits().block);
    for (size_t i = 0; i < in.size(); ++i) in[i] = (i % 2 != 0 ? -1.0f : 1.0f) * largest / static_cast<float>(i + 1);
    in[0] = bits_float(float_bits(largest) - static_cast<uint32_t>(step) * 4096);
    check(in);
    if (traits().block > 1) {
      for (const float x : round_trip(in)) ASSERT_TRUE(std::isfinite(x));
    }
  }
}

TEST_P(Bound, PublishedValueIsErrorBoundInTheNormalRange) {
  if (traits().bound_kind == collBoundNone) {
    EXPECT_EQ(codec().error_bound(1, 1), 0);
  } else if (traits().bound_kind == collBoundRelative) {
    EXPECT_DOUBLE_EQ(codec().error_bound(-3, 100), 3 * traits().bound_value);
  } else {
    EXPECT_DOUBLE_EQ(codec().error_bound(-3, 100), 100 * traits().bound_value);
  }
}

TEST_P(Bound, ZerosStayZero) {
  for (const float x : round_trip(std::vector<float>(300, 0.0f))) EXPECT_EQ(float_bits(x), 0u);
  for (const float x : round_trip(std::vector<float>(300, -0.0f))) EXPECT_EQ(x, 0.0f);
}

TEST_P(Bound, NanAndInfinityStayVisibleAndTouchNoOtherBlock) {
  const size_t block = traits().block, count = 5 * std::max<size_t>(block, 32) + 3;
  const std::vector<float> clean = testing::gradients(count, 3);
  const std::vector<float> without = round_trip(clean);
  for (const float hard : {INFINITY, -INFINITY, bits_float(0x7f800001u), bits_float(0xffc12345u)}) {
    for (const size_t position : {size_t{0}, count / 2, count - 1}) {
      std::vector<float> in = clean;
      in[position] = hard;
      const std::vector<float> out = round_trip(in);
      EXPECT_FALSE(std::isfinite(out[position]));
      for (size_t i = 0; i < count; ++i) {
        if (i / block != position / block) {
          ASSERT_EQ(float_bits(out[i]), float_bits(without[i])) << i;
        } else if (traits().block > 1) {
          ASSERT_EQ(float_bits(out[i]), kNan32) << i;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Specs, Bound,
                         ::testing::Values("none", "fp16", "bf16", "int8", "int8:block=32", "int8:block=4096", "int6",
                                           "int6:block=32", "int4", "int4:block=32", "int4:block=4096", "fp8e4m3",
                                           "fp8e4m3:block=32", "fp8e5m2", "fp8e5m2:block=4096",
                                           "fp16:rounding=stochastic", "bf16:rounding=stochastic",
                                           "int8:rounding=stochastic", "int6:rounding=stochastic",
                                           "int4:block=32,rounding=stochastic"));

}  // namespace
}  // namespace coll
