// The kernels of a cast codec from a float format, compiled once per instruction set.
#if defined(COMPRESSION_CAST_KERNELS_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef COMPRESSION_CAST_KERNELS_INL_HPP_
#undef COMPRESSION_CAST_KERNELS_INL_HPP_
#else
#define COMPRESSION_CAST_KERNELS_INL_HPP_
#endif

#include "base/simd_float-inl.hpp"
#include "base/simd_random-inl.hpp"
#include "compression/cast/cast_codec.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::cast::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace coll::simd::HWY_NAMESPACE;

template <class Format>
struct Messages {
  std::span<const std::byte* const> all;
  size_t begin;
  const std::byte* first;
  std::byte* floats;

  template <class D>
  HWY_INLINE hn::Vec<D> get(D d, size_t message, size_t i) const {
    return Format::raw(d, all[message] + (begin + i) * Format::kBytes);
  }
  template <class D>
  HWY_INLINE hn::Vec<D> start(D d, size_t i) const {
    return first == nullptr ? get(d, 0, i) : load(d, first + i * sizeof(float));
  }
  template <class D>
  HWY_INLINE void finish(D d, hn::Vec<D> value, size_t i) const {
    store(d, canonical(d, value), floats + i * sizeof(float));
  }
};

template <class Op, class D, class Format>
HWY_INLINE void reduce_at(D d, const Messages<Format>& messages, size_t i) {
  auto value = messages.start(d, i);
  for (size_t j = messages.first == nullptr ? 1 : 0; j < messages.all.size(); ++j) {
    value = Op::merge(d, value, messages.get(d, j, i));
  }
  messages.finish(d, value, i);
}

// Four chains hide each other's latency.
template <class Op, class D, class Format>
HWY_INLINE void reduce_four_at(D d, const Messages<Format>& messages, size_t i) {
  const size_t lanes = hn::Lanes(d);
  auto a = messages.start(d, i), b = messages.start(d, i + lanes);
  auto c = messages.start(d, i + 2 * lanes), e = messages.start(d, i + 3 * lanes);
  for (size_t j = messages.first == nullptr ? 1 : 0; j < messages.all.size(); ++j) {
    a = Op::merge(d, a, messages.get(d, j, i));
    b = Op::merge(d, b, messages.get(d, j, i + lanes));
    c = Op::merge(d, c, messages.get(d, j, i + 2 * lanes));
    e = Op::merge(d, e, messages.get(d, j, i + 3 * lanes));
  }
  messages.finish(d, a, i);
  messages.finish(d, b, i + lanes);
  messages.finish(d, c, i + 2 * lanes);
  messages.finish(d, e, i + 3 * lanes);
}

template <class Format, class Op>
void reduce_messages(std::span<const std::byte* const> all, size_t begin, const void* first, void* floats,
                     size_t count) {
  const hn::ScalableTag<float> whole;
  const hn::CappedTag<float, 1> single;
  const size_t lanes = hn::Lanes(whole);
  const Messages<Format> messages{all, begin, static_cast<const std::byte*>(first), static_cast<std::byte*>(floats)};
  size_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) reduce_four_at<Op>(whole, messages, i);
  for (; i + lanes <= count; i += lanes) reduce_at<Op>(whole, messages, i);
  for (; i < count; ++i) reduce_at<Op>(single, messages, i);
}

// ---- Stochastic rounding: float.hpp's, in vectors ------------------------------------------------------------------

struct RandomBf16 {
  template <class D>
  static HWY_INLINE hn::Vec<D> codes(D d32, hn::Vec<hn::RebindToFloat<D>> value, hn::Vec<D> random) {
    const auto bits = hn::BitCast(d32, canonical(hn::RebindToFloat<D>(), value));
    return hn::ShiftRight<16>(hn::Add(bits, hn::ShiftRight<16>(random)));
  }
};

template <class Small>
struct RandomSmall {
  template <class D>
  static HWY_INLINE hn::Vec<D> codes(D d32, hn::Vec<hn::RebindToFloat<D>> value, hn::Vec<D> random) {
    const hn::RebindToFloat<D> d;
    const hn::RebindToSigned<D> di;
    const auto constant = [=](uint32_t bits) HWY_ATTR { return hn::Set(d32, bits); };
    const auto bits = hn::BitCast(d32, value);
    const auto magnitude = hn::And(bits, constant(kAbsMask32));
    const auto units = hn::Mul(hn::BitCast(d, magnitude), hn::BitCast(d, constant(Small::kSubnormalFraction)));
    const auto subnormal =
        hn::Sub(hn::BitCast(d32, hn::Add(units, hn::BitCast(d, constant(kTwoTo23)))), constant(kTwoTo23));
    const auto normal = hn::Sub(magnitude, constant(Small::kRebias));
    const auto small = hn::Lt(hn::BitCast(di, magnitude), hn::BitCast(di, constant(Small::kMinNormal32)));
    const auto fixed = hn::IfThenElse(hn::RebindMask(d32, small), subnormal, normal);
    auto code = hn::ShiftRight<Small::kShift>(hn::Add(fixed, hn::ShiftRight<32 - Small::kShift>(random)));
    code = hn::Min(code, constant(Small::kOverflow));
    code = hn::Or(code, hn::ShiftLeft<Small::kBits - 1>(hn::ShiftRight<31>(bits)));
    const auto is_nan = hn::Gt(hn::BitCast(di, magnitude), hn::BitCast(di, constant(kInf32)));
    return hn::IfThenElse(hn::RebindMask(d32, is_nan), constant(Small::kNan), code);
  }
};

template <class Random>
struct RandomStep {
  const std::byte* floats;
  std::byte* to;
  RandomBits draws;
  template <class D>
  HWY_INLINE void operator()(D d, size_t i) const {
    const hn::RebindToUnsigned<D> d32;
    const hn::Rebind<uint16_t, D> d16;
    const auto codes = Random::codes(d32, load(d, floats + i * sizeof(float)), draws.at(d32, i));
    store(d16, hn::TruncateTo(d16, codes), to + i * sizeof(uint16_t));
  }
};

template <class Random>
void put_random(const void* floats, void* to, size_t count, const random::Run& draws) {
  each_vector<float>(
      count, RandomStep<Random>{static_cast<const std::byte*>(floats), static_cast<std::byte*>(to), RandomBits(draws)});
}

// `Random` is void where nothing is rounded.
template <class Format, class Random>
constexpr CastKernels cast_kernels() {
  decltype(CastKernels::encode_random) encode_random = nullptr;
  if constexpr (!std::is_void_v<Random>) encode_random = put_random<Random>;
  return {put_array<Format>,
          encode_random,
          get_array<Format>,
          {reduce_messages<Format, SumOp>, reduce_messages<Format, ProdOp>, reduce_messages<Format, MaxOp>,
           reduce_messages<Format, MinOp>, reduce_messages<Format, SumOp>}};
}

}  // namespace coll::cast::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
