// The checker itself: what it accepts and what it must not.
#include "perf/tools/reference.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>

#include "perf/tools/numbers.hpp"

namespace coll::perf {
namespace {

constexpr int kRanks = 5;
constexpr size_t kCount = 40000;

std::vector<int> all_ranks() {
  std::vector<int> ranks(kRanks);
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}

std::vector<float> inputs_of(const Input& input, int rank) {
  std::vector<float> x(kCount);
  input.fill(rank, 0, kCount, reinterpret_cast<std::byte*>(x.data()));
  return x;
}

std::vector<float> float_sum(const Input& input) {
  std::vector<float> sum(kCount, 0.0f);
  for (int r = 0; r < kRanks; ++r) {
    const auto x = inputs_of(input, r);
    for (size_t i = 0; i < kCount; ++i) sum[i] += x[i];
  }
  return sum;
}

Verdict check(const Input& input, collRedOp_t op, const Lossiness& loss, const void* got) {
  const Segment segment{all_ranks(), 0, kCount, kCount, static_cast<const std::byte*>(got)};
  Verdict verdict;
  Reference(input, op, loss).check(segment, 0, kCount, &verdict);
  return verdict;
}

TEST(Reference, AcceptsAFloatSumAndSeesOneElementThatIsOff) {
  const Input input(collFloat32, collSum);
  auto sum = float_sum(input);
  Verdict verdict = check(input, collSum, {}, sum.data());
  EXPECT_EQ(verdict.wrong, 0u);
  EXPECT_GT(verdict.worst_ratio, 0.1);  // the bound is no barn door
  EXPECT_LE(verdict.worst_ratio, 1.0);
  sum[kCount - 1] += 1e-5f;
  sum[123] = std::nanf("");
  verdict = check(input, collSum, {}, sum.data());
  EXPECT_EQ(verdict.wrong, 2u);
  EXPECT_GT(verdict.worst_ratio, 1.0);
}

TEST(Reference, ElementsOfOtherPlacesAreWrong) {
  const Input input(collFloat32, collSum);
  auto sum = float_sum(input);
  std::rotate(sum.begin(), sum.begin() + 1, sum.end());
  EXPECT_GT(check(input, collSum, {}, sum.data()).wrong, kCount * 99 / 100);
}

TEST(Reference, IntegersWrapAndAreExact) {
  const Input input(collInt8, collSum);
  std::vector<int8_t> sum(kCount, 0), x(kCount);
  for (int r = 0; r < kRanks; ++r) {
    input.fill(r, 0, kCount, reinterpret_cast<std::byte*>(x.data()));
    for (size_t i = 0; i < kCount; ++i) sum[i] = static_cast<int8_t>(sum[i] + x[i]);
  }
  EXPECT_EQ(check(input, collSum, {}, sum.data()).wrong, 0u);
  for (auto& value : sum) value = static_cast<int8_t>(value / kRanks);
  EXPECT_EQ(check(input, collAvg, {}, sum.data()).wrong, 0u);
  sum[7] = static_cast<int8_t>(sum[7] + 1);
  const Verdict verdict = check(input, collAvg, {}, sum.data());
  EXPECT_EQ(verdict.wrong, 1u);
  EXPECT_EQ(verdict.max_abs_error, 1.0);
}

TEST(Reference, SelectionsMustBeExact) {
  for (const collRedOp_t op : {collMax, collMin}) {
    const Input input(collFloat64, op);
    std::vector<double> best(kCount), x(kCount);
    for (int r = 0; r < kRanks; ++r) {
      input.fill(r, 0, kCount, reinterpret_cast<std::byte*>(x.data()));
      for (size_t i = 0; i < kCount; ++i) {
        best[i] = r == 0 ? x[i] : op == collMax ? std::max(best[i], x[i]) : std::min(best[i], x[i]);
      }
    }
    EXPECT_EQ(check(input, op, {}, best.data()).wrong, 0u);
    best[9] = std::nextafter(best[9], 2.0);
    EXPECT_EQ(check(input, op, {}, best.data()).wrong, 1u);
  }
}

// A codec of our own: integers on the scale of a block's largest magnitude.
void quantise(std::vector<float>* x, size_t block, int levels) {
  for (size_t begin = 0; begin < x->size(); begin += block) {
    const size_t end = std::min(x->size(), begin + block);
    float largest = 0;
    for (size_t i = begin; i < end; ++i) largest = std::max(largest, std::fabs((*x)[i]));
    const float scale = largest / static_cast<float>(levels);
    for (size_t i = begin; scale > 0 && i < end; ++i) (*x)[i] = std::round((*x)[i] / scale) * scale;
  }
}

std::vector<float> quantised_sum(const Input& input, size_t block, int levels) {
  std::vector<float> sum(kCount, 0.0f);
  for (int r = 0; r < kRanks; ++r) {
    auto x = inputs_of(input, r);
    quantise(&x, block, levels);
    for (size_t i = 0; i < kCount; ++i) sum[i] += x[i];
  }
  quantise(&sum, block, levels);
  return sum;
}

TEST(Reference, BlockCodecsStayWithinTheBoundAndFaultsDoNot) {
  const Input input(collFloat32, collSum);
  const Lossiness loss{.kind = collBoundBlockMax, .value = 0.5 / 7, .block = 32, .encodings = 2};
  auto sum = quantised_sum(input, 32, 7);
  const Verdict verdict = check(input, collSum, loss, sum.data());
  EXPECT_EQ(verdict.wrong, 0u);
  EXPECT_GT(verdict.worst_ratio, 0.3);
  EXPECT_GT(verdict.error_bound, verdict.max_abs_error);
  // Said to be finer than it is, it must be caught; so must an exact check of it.
  Lossiness finer = loss;
  finer.value /= 8;
  EXPECT_GT(check(input, collSum, finer, sum.data()).wrong, 0u);
  EXPECT_GT(check(input, collSum, {}, sum.data()).wrong, kCount / 2);
  sum[kCount / 2] += 2.5f;
  EXPECT_EQ(check(input, collSum, loss, sum.data()).wrong, 1u);
}

TEST(Reference, RelativeCodecs) {
  const Input input(collFloat32, collSum);
  const Lossiness loss{.kind = collBoundRelative, .value = 0x1p-8, .floor = 0x1p-133, .encodings = 2};
  std::vector<float> sum(kCount, 0.0f);
  const auto cast = [](float x) {  // to bfloat16 and back
    const double value = x;
    uint16_t word = 0;
    double back = 0;
    from_doubles(collBfloat16, {&value, 1}, reinterpret_cast<std::byte*>(&word));
    to_doubles(collBfloat16, reinterpret_cast<const std::byte*>(&word), {&back, 1});
    return static_cast<float>(back);
  };
  for (int r = 0; r < kRanks; ++r) {
    const auto x = inputs_of(input, r);
    for (size_t i = 0; i < kCount; ++i) sum[i] += cast(x[i]);
  }
  for (auto& value : sum) value = cast(value);
  const Verdict verdict = check(input, collSum, loss, sum.data());
  EXPECT_EQ(verdict.wrong, 0u);
  EXPECT_GT(verdict.worst_ratio, 0.3);
}

TEST(Reference, OneContributorIsCopied) {
  const Input input(collFloat32, collSum);
  auto x = inputs_of(input, 3);
  Segment segment{{3}, 100, kCount, kCount - 100, reinterpret_cast<const std::byte*>(x.data() + 100)};
  Verdict verdict;
  Reference(input, collSum, {}).check(segment, 50, 1000, &verdict);
  EXPECT_EQ(verdict.wrong, 0u);
  EXPECT_EQ(verdict.error_bound, 0.0);
  x[200] = std::nextafter(x[200], 2.0f);
  Reference(input, collSum, {}).check(segment, 50, 1000, &verdict);
  EXPECT_EQ(verdict.wrong, 1u);
}

TEST(Reference, WhatIsNoNumberMustStayVisible) {
  const std::string file = testing::TempDir() + "coll_nan.f32";
  std::vector<float> x(300, 1.0f);
  x[150] = std::numeric_limits<float>::infinity();
  std::FILE* out = std::fopen(file.c_str(), "wb");
  ASSERT_NE(out, nullptr);
  std::fwrite(x.data(), sizeof(float), x.size(), out);
  std::fclose(out);
  Input input(collFloat32, collSum);
  ASSERT_EQ(input.load(file, 2), "");
  std::remove(file.c_str());
  for (auto& value : x) value *= 2;
  const auto wrong = [&](const Lossiness& loss) {
    Verdict verdict;
    const Segment segment{{0, 1}, 0, x.size(), x.size(), reinterpret_cast<const std::byte*>(x.data())};
    Reference(input, collSum, loss).check(segment, 0, x.size(), &verdict);
    return verdict.wrong;
  };
  const Lossiness blocks{.kind = collBoundBlockMax, .value = 0.004, .block = 16, .encodings = 2};
  EXPECT_EQ(wrong({}), 0u);
  x[149] = std::nanf("");  // the rest of its block may go with it, where there are blocks
  EXPECT_EQ(wrong({}), 1u);
  EXPECT_EQ(wrong(blocks), 0u);
  x[150] = 5;
  EXPECT_EQ(wrong(blocks), 1u);
}

TEST(WindowMax, AgreesWithTheDefinition) {
  std::mt19937 random(1);
  for (const size_t n : {1u, 2u, 63u, 200u}) {
    for (const size_t reach : {1u, 2u, 7u, 100u, 500u}) {
      std::vector<double> in(n), out(n);
      for (auto& value : in) value = random() % 1000;
      window_max(in, reach, out);
      for (size_t i = 0; i < n; ++i) {
        double expected = 0;
        for (size_t j = 0; j < n; ++j) {
          if ((j > i ? j - i : i - j) < reach) expected = std::max(expected, in[j]);
        }
        ASSERT_EQ(out[i], expected) << n << " " << reach << " " << i;
      }
    }
  }
}

TEST(Sample, TakesAllOrHeadTailAndBlocksBetween) {
  EXPECT_EQ(sample(100, 100).size(), 1u);
  const auto spans = sample(1000000, 10000);
  size_t total = 0, end = 0;
  for (const Span& span : spans) {
    EXPECT_GE(span.begin, end);  // in order, disjoint
    end = span.begin + span.count;
    total += span.count;
  }
  EXPECT_EQ(spans.front().begin, 0u);
  EXPECT_EQ(end, 1000000u);
  EXPECT_LE(total, 10000u);
  EXPECT_GE(total, 9000u);
}

TEST(Hash, SeesEveryByte) {
  std::vector<std::byte> bytes(37, std::byte{3});
  const uint64_t before = hash_bytes(bytes.data(), bytes.size());
  for (auto& byte : bytes) {
    byte ^= std::byte{1};
    EXPECT_NE(hash_bytes(bytes.data(), bytes.size()), before);
    byte ^= std::byte{1};
  }
  EXPECT_NE(hash_bytes(bytes.data(), 36), before);
}

}  // namespace
}  // namespace coll::perf
