// What a hop draws for stochastic rounding: contributions as their rank, results as no rank.
#include <gtest/gtest.h>

#include <vector>

#include "runtime/hop.hpp"

namespace coll {
namespace {

constexpr size_t kCount = 10'000;  // several tiles
using Bytes = std::vector<std::byte>;

class HopDraw : public ::testing::TestWithParam<const char*> {
 protected:
  HopDraw() {
    EXPECT_TRUE(make_codec(GetParam(), &codec_).ok());
    for (size_t i = 0; i < kCount; ++i) {
      own_[i] = static_cast<float>(i * 7919 % 1009) / 1009;
      other_[i] = static_cast<float>(i * 104729 % 997) / 997 - 0.5f;
    }
  }
  Bytes encoded(const std::vector<float>& values, const Draw& draw) const {
    Bytes message(codec_->max_bytes(kCount));
    codec_->encode(values.data(), {0, kCount, kCount}, draw, message.data());
    return message;
  }
  std::vector<float> decoded(const Bytes& message) const {
    std::vector<float> values(kCount);
    codec_->decode(message.data(), {0, kCount, kCount}, values.data());
    return values;
  }
  Hop hop() const { return {collFloat32, collSum, 2, codec_.get(), kMine, kCount}; }
  static const std::byte* bytes(const std::vector<float>& values) {
    return reinterpret_cast<const std::byte*>(values.data());
  }

  static constexpr Draw kMine{5, 3, 12'345};
  std::unique_ptr<Codec> codec_;
  std::vector<float> own_ = std::vector<float>(kCount), other_ = own_;
};

TEST_P(HopDraw, ContributionsDrawAsTheirRankAndResultsAsNone) {
  Bytes coded(codec_->max_bytes(kCount));
  Hop first = hop();
  first.coded = coded.data();
  const Contribution own{Wire::kNative, bytes(own_)};
  run_hop(first, {&own, 1});
  EXPECT_EQ(coded, encoded(own_, kMine));

  const Bytes from_other = encoded(other_, {5, 1, 12'345});
  std::vector<float> sum = decoded(from_other);
  for (size_t i = 0; i < kCount; ++i) sum[i] += own_[i];
  const Contribution both[] = {{Wire::kCoded, from_other.data()}, own};
  std::vector<float> result(kCount);
  Hop second = hop();
  second.coded = coded.data();
  second.native = reinterpret_cast<std::byte*>(result.data());
  run_hop(second, both);
  EXPECT_EQ(coded, encoded(sum, {5, Draw::kResult, 12'345}));
  EXPECT_EQ(result, decoded(coded));
}

// A rank's own contribution stands for what the others get of it.
TEST_P(HopDraw, RecodedContributionsAreWhatTheirMessageIs) {
  const Contribution recoded{Wire::kNative, bytes(own_), true};
  std::vector<float> result(kCount);
  Hop alone = hop();
  alone.native = reinterpret_cast<std::byte*>(result.data());
  run_hop(alone, {&recoded, 1});
  EXPECT_EQ(result, decoded(encoded(own_, kMine)));
}

INSTANTIATE_TEST_SUITE_P(Specs, HopDraw,
                         ::testing::Values("bf16:rounding=stochastic", "fp16:rounding=stochastic,seed=1",
                                           "int8:rounding=stochastic", "int6:rounding=stochastic",
                                           "int4:block=32,rounding=stochastic"));

}  // namespace
}  // namespace coll
