// Stochastic rounding: unbiased, to one of the two neighbours, and with draws that follow from seed, call, rank and
// element index alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "compression/codec.hpp"
#include "unit/compression/test_data.hpp"

namespace coll {
namespace {

class StochasticRounding : public ::testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Codec> make(std::string_view more = "") const {
    std::unique_ptr<Codec> codec;
    EXPECT_TRUE(make_codec(text(GetParam(), more), &codec).ok());
    return codec;
  }
  static std::vector<std::byte> message(const Codec& codec, const std::vector<float>& in, const Draw& draw) {
    std::vector<std::byte> bytes(codec.max_bytes(in.size()));
    codec.encode(in.data(), {0, in.size(), in.size()}, draw, bytes.data());
    return bytes;
  }
  static std::vector<float> round_trip(const Codec& codec, const std::vector<float>& in, const Draw& draw) {
    const std::vector<std::byte> bytes = message(codec, in, draw);
    std::vector<float> out(in.size());
    codec.decode(bytes.data(), {0, in.size(), in.size()}, out.data());
    return out;
  }
};

// A block whose largest magnitude is 1, and others at all distances from their neighbours; some of them subnormal for
// fp16.
std::vector<float> spread(size_t count) {
  std::mt19937 random(1);
  std::vector<float> in(count);
  for (float& x : in) {
    const float size = std::ldexp(static_cast<float>(random() >> 8), -24 - static_cast<int>(random() % 22));
    x = random() % 2 != 0 ? size : -size;
  }
  in[0] = 1;
  return in;
}

// The mean of n results has a standard deviation of at most half their distance over sqrt(n); five of them, and what
// the rounding of fractions to 2^-14 may add.
TEST_P(StochasticRounding, IsUnbiasedAndTakesNeighbours) {
  constexpr int kCalls = 20000;
  const std::unique_ptr<Codec> codec = make();
  const std::vector<float> in = spread(128);
  std::vector<double> sums(in.size());
  std::vector<float> least(in.size(), INFINITY), most(in.size(), -INFINITY);
  for (int call = 0; call < kCalls; ++call) {
    const std::vector<float> out = round_trip(*codec, in, {static_cast<uint64_t>(call), 1, 77});
    for (size_t i = 0; i < in.size(); ++i) {
      sums[i] += double{out[i]};
      least[i] = std::min(least[i], out[i]);
      most[i] = std::max(most[i], out[i]);
    }
  }
  for (size_t i = 0; i < in.size(); ++i) {
    const double step = codec->error_bound(in[i], 1), unseen = step * 1e-3;  // too rare to be met for sure
    EXPECT_LE(double{least[i]}, double{in[i]} + unseen) << i;
    EXPECT_GE(double{most[i]}, double{in[i]} - unseen) << i;
    EXPECT_LE(double{most[i]} - double{least[i]}, step * 1.01) << in[i];
    const double noise = 5 * 0.5 * step / std::sqrt(kCalls);
    EXPECT_NEAR(sums[i] / kCalls, double{in[i]}, noise) << i;
  }
}

// Over elements rather than calls, as the sum of a long vector meets it: errors do not add up.
TEST_P(StochasticRounding, ErrorsOfNeighboursAreIndependent) {
  const std::unique_ptr<Codec> codec = make();
  std::mt19937 random(2);
  std::vector<float> in(size_t{1} << 18);
  for (float& x : in) x = 1 + static_cast<float>(random() % 1000) * 1e-3f;
  const std::vector<float> out = round_trip(*codec, in, {5, 0, 0});
  double sum = 0, squares = 0;
  std::map<size_t, double> products;
  const auto error = [&](size_t i) { return double{out[i]} - double{in[i]}; };
  for (size_t i = 0; i < in.size(); ++i) {
    sum += error(i);
    squares += error(i) * error(i);
    for (const size_t lag : {1, 2, 16, 128, 4096}) {
      if (i >= lag) products[lag] += error(i) * error(i - lag);
    }
  }
  const double sigma = std::sqrt(squares);
  EXPECT_LE(std::abs(sum), 5 * sigma);
  for (const auto& [lag, product] : products) {
    EXPECT_LE(std::abs(product), 5 * squares / std::sqrt(static_cast<double>(in.size()))) << lag;
  }
}

TEST_P(StochasticRounding, DrawsFollowFromSeedCallRankAndIndex) {
  const std::unique_ptr<Codec> codec = make(), again = make(), seeded = make(",seed=1");
  const std::vector<float> in = testing::gradients(1000, 3);
  const Draw draw{4, 3, 1000};
  const auto bytes = message(*codec, in, draw);
  EXPECT_EQ(bytes, message(*again, in, draw));
  EXPECT_NE(bytes, message(*seeded, in, draw));
  EXPECT_NE(bytes, message(*codec, in, {5, 3, 1000}));
  EXPECT_NE(bytes, message(*codec, in, {4, 2, 1000}));
  EXPECT_NE(bytes, message(*codec, in, {4, 3, 1001}));
  EXPECT_NE(bytes, message(*codec, in, {3, 4, 1000}));
  EXPECT_NE(bytes, message(*codec, in, {4, 3, 1000 + (size_t{1} << 32)}));
}

// A part of a longer message, from a block's first element on, is what it is as a message of its own.
TEST_P(StochasticRounding, PartsDrawWhatTheWholeDraws) {
  const std::unique_ptr<Codec> codec = make();
  const std::vector<float> in = testing::gradients(3000, 4);
  for (const size_t first : {size_t{10}, (size_t{1} << 32) - 1000, (size_t{1} << 40) - 1}) {
    const std::vector<float> whole = round_trip(*codec, in, {9, 1, first});
    for (const size_t begin : {size_t{512}, size_t{1024}, size_t{2944}}) {
      const std::vector<float> part(in.begin() + static_cast<std::ptrdiff_t>(begin), in.end());
      const std::vector<float> alone = round_trip(*codec, part, {9, 1, first + begin});
      for (size_t i = 0; i < part.size(); ++i) ASSERT_EQ(float_bits(alone[i]), float_bits(whole[begin + i])) << i;
    }
  }
}

// What needs no rounding is never moved.
TEST_P(StochasticRounding, KeepsWhatItCanKeep) {
  const std::unique_ptr<Codec> codec = make();
  std::unique_ptr<Codec> nearest;
  const std::string_view spec = GetParam();
  ASSERT_TRUE(make_codec(spec.substr(0, spec.find(':')), &nearest).ok());
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::vector<float> in(128);
    std::mt19937 random(seed);
    for (float& x : in) x = static_cast<float>(static_cast<int>(random() % 15) - 7);
    in[1] = 7;
    if (spec.starts_with("int8")) in[1] = 127;
    if (spec.starts_with("int6")) in[1] = 31;
    in[2] = -in[1];
    EXPECT_EQ(round_trip(*codec, in, {seed, 0, 0}), in);
  }
}

INSTANTIATE_TEST_SUITE_P(Specs, StochasticRounding,
                         ::testing::Values("bf16:rounding=stochastic", "fp16:rounding=stochastic",
                                           "int8:rounding=stochastic", "int6:rounding=stochastic",
                                           "int4:rounding=stochastic"));

// The bits themselves: every value of a byte as often, whichever counter, call, rank or seed is the one that changes.
TEST(RandomBits, UpperBitsAreUniformAndDiffer) {
  constexpr size_t kDraws = size_t{1} << 16;
  const auto by_index = [](uint64_t i) { return random::Run{random::stream_of(1, 2, 3), 0}(i); };
  const auto by_call = [](uint64_t i) { return random::Run{random::stream_of(1, i, 3), 0}(5); };
  const auto by_rank = [](uint64_t i) { return random::Run{random::stream_of(1, 2, i), 0}(5); };
  const auto by_seed = [](uint64_t i) { return random::Run{random::stream_of(i, 2, 3), 0}(5); };
  const auto by_block = [](uint64_t i) { return random::Run{random::stream_of(1, 2, 3), 0}(i << 32); };
  const std::vector<std::function<uint32_t(uint64_t)>> all = {by_index, by_call, by_rank, by_seed, by_block};
  for (size_t k = 0; k < all.size(); ++k) {
    std::vector<double> times(256);
    std::set<uint32_t> distinct;
    for (uint64_t i = 0; i < kDraws; ++i) {
      times[all[k](i) >> 24] += 1;
      distinct.insert(all[k](i));
    }
    double chi_square = 0;
    for (const double n : times) chi_square += (n - kDraws / 256.0) * (n - kDraws / 256.0) / (kDraws / 256.0);
    EXPECT_LT(chi_square, 255 + 5 * std::sqrt(2 * 255.0)) << k;
    EXPECT_GT(distinct.size(), kDraws - 10) << k;
  }
}

}  // namespace
}  // namespace coll
