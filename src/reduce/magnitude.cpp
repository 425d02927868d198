// Without their sign, floats are ordered as their bits are, NaN last: the largest magnitude is that of integers.
#include "reduce/magnitude.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "reduce/magnitude.cpp"
#include "base/simd_targets.hpp"
// After simd_targets.hpp.
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include "base/simd_float-inl.hpp"

#ifndef COLL_REDUCE_MAGNITUDE_ONCE
#define COLL_REDUCE_MAGNITUDE_ONCE
namespace coll::reduce {

using LargestBits = uint64_t (*)(const std::byte* elements, size_t count);
struct MagnitudeTable {
  LargestBits of_bytes[4];  // by the logarithm of an element's bytes
};

}  // namespace coll::reduce
#endif

HWY_BEFORE_NAMESPACE();
namespace coll::reduce::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <typename Bits>
uint64_t largest_bits(const std::byte* elements, size_t count) {
  constexpr auto kAllButSign = static_cast<Bits>(static_cast<Bits>(~Bits{0}) >> 1);
  const hn::ScalableTag<Bits> d;
  const size_t lanes = hn::Lanes(d);
  const auto mask = hn::Set(d, kAllButSign);
  auto most = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    most = hn::Max(most, hn::And(simd::HWY_NAMESPACE::load(d, elements + i * sizeof(Bits)), mask));
  }
  HWY_ALIGN Bits of_lane[hn::MaxLanes(d)];
  hn::Store(most, d, of_lane);
  Bits largest = 0;
  for (size_t lane = 0; lane < lanes; ++lane) largest = std::max(largest, of_lane[lane]);
  for (; i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, elements + i * sizeof(Bits), sizeof(Bits));
    largest = std::max(largest, static_cast<Bits>(bits & kAllButSign));
  }
  return largest;
}

constexpr MagnitudeTable kTable = {
    {largest_bits<uint8_t>, largest_bits<uint16_t>, largest_bits<uint32_t>, largest_bits<uint64_t>}};

}  // namespace coll::reduce::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace coll::reduce {

namespace {

template <typename Float, typename Bits>
Float as(uint64_t bits) {
  const auto narrow = static_cast<Bits>(bits);
  Float value;
  static_assert(sizeof(value) == sizeof(narrow));
  std::memcpy(&value, &narrow, sizeof(value));
  return value;
}

double value_of(DataType type, uint64_t bits) {
  switch (type) {
    case collFloat16:
      return fp16_to_float(static_cast<uint16_t>(bits));
    case collBfloat16:
      return bf16_to_float(static_cast<uint16_t>(bits));
    case collFloat8e4m3:
      return e4m3_to_float(static_cast<uint8_t>(bits));
    case collFloat8e5m2:
      return e5m2_to_float(static_cast<uint8_t>(bits));
    case collFloat64:
      return as<double, uint64_t>(bits);
    default:
      return as<float, uint32_t>(bits);
  }
}

}  // namespace

double largest_magnitude(DataType type, const std::byte* elements, size_t count, Isa isa) {
  const size_t bytes = size_of(type);
  const size_t row = bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3;
  const double value = value_of(type, COLL_SIMD_TABLE(isa).of_bytes[row](elements, count));
  return std::isfinite(value) ? value : std::numeric_limits<double>::infinity();
}

}  // namespace coll::reduce
#endif
