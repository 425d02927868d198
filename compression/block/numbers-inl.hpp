// Numbers of blocks in vectors, and how floats are rounded to them, compiled once per instruction set.
//
// A `Rounding` belongs to a block. Its lanes(tag, floats, i) are the codes of a vector of elements from i on,
// sign-extended; pair(tag, floats, i) those of two vectors, as shorts; one(floats, i) is that of one element. A
// `Source` makes the roundings of a tile's blocks, given where they begin.
#if defined(COMPRESSION_BLOCK_NUMBERS_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef COMPRESSION_BLOCK_NUMBERS_INL_HPP_
#undef COMPRESSION_BLOCK_NUMBERS_INL_HPP_
#else
#define COMPRESSION_BLOCK_NUMBERS_INL_HPP_
#endif

#include "base/simd_float-inl.hpp"
#include "base/simd_narrow-inl.hpp"
#include "base/simd_random-inl.hpp"
#include "compression/block/layout.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::block::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace coll::simd::HWY_NAMESPACE;

// ---- Number::code() in vectors -------------------------------------------------------------------------------------

// Rounded to nearest, ties to even; magnitudes are below 2^22.
template <class D>
HWY_INLINE hn::Vec<hn::RebindToSigned<D>> nearest_integers(D d, hn::Vec<D> x) {
#if HWY_TARGET != HWY_SCALAR
  if constexpr (hn::MaxLanes(d) == hn::MaxLanes(hn::ScalableTag<float>())) return nearest(x);
#endif
  const hn::RebindToSigned<D> di;
  const auto magic = hn::Set(di, static_cast<int32_t>(kRoundMagic));
  return hn::Sub(hn::BitCast(di, hn::Add(x, hn::BitCast(d, magic))), magic);
}

// Of x in units of the scale: codes() are those of a vector, sign-extended, pair() those of two, as shorts.
template <class Number>
struct NumberLanes {  // integers
  template <class D>
  static HWY_INLINE hn::Vec<hn::RebindToSigned<D>> codes(D d, hn::Vec<D> x) {
    return nearest_integers(d, x);
  }
  template <class D>
  static HWY_INLINE hn::Vec<hn::RebindToSigned<D>> codes(D d, hn::Vec<D> x, hn::Vec<hn::RebindToUnsigned<D>> random) {
    const hn::RebindToSigned<D> di;
    const auto fixed = nearest_integers(d, hn::Mul(x, hn::Set(d, static_cast<float>(1 << kFractionBits))));
    const auto chance = hn::BitCast(di, hn::ShiftRight<32 - kFractionBits>(random));
    return hn::ShiftRight<kFractionBits>(hn::Add(fixed, chance));
  }
#if HWY_TARGET != HWY_SCALAR
  template <class D>
  static HWY_INLINE Shorts pair(D, hn::Vec<D> a, hn::Vec<D> b) {
    return shorts(nearest(a), nearest(b));
  }
#endif
};

// The bits of `yes` where `mask` has ones, else those of `no`.
template <class V>
HWY_INLINE V chosen(V mask, V yes, V no) {
  return hn::Or(hn::And(mask, yes), hn::AndNot(mask, no));
}

// The power of two where x's binade begins, no smaller than that of the bits `least`, with x's sign.
template <class D>
HWY_INLINE hn::Vec<D> binade_of(D d, hn::Vec<D> x, uint32_t least) {
  const hn::RebindToSigned<D> di;
  const auto constant = [=](uint32_t bits) HWY_ATTR { return hn::Set(di, static_cast<int32_t>(bits)); };
#if HWY_TARGET == HWY_AVX3
  if constexpr (hn::MaxLanes(d) == hn::MaxLanes(hn::ScalableTag<float>())) {
    constexpr int kLargerMagnitudeFirstSign = 3;
    const auto start = hn::And(x, hn::BitCast(d, constant(kInf32 | ~kAbsMask32)));
    return hn::Vec<D>{_mm512_range_ps(start.raw, hn::BitCast(d, constant(least)).raw, kLargerMagnitudeFirstSign)};
  }
#endif
  const auto bits = hn::BitCast(di, x);
  const auto magnitude = hn::Max(hn::And(bits, constant(kInf32)), constant(least));
  return hn::BitCast(d, hn::OrAnd(magnitude, bits, constant(~kAbsMask32)));
}

// As in Number::code() a power of two is added, here with x's sign. Exponent and lowest bits of the sum come to the
// code and a constant, which is made a multiple of 2^7 by a multiple of the grid that is added along with the power.
template <class SmallT>
struct NumberLanes<Floats<SmallT>> {
  using Small = SmallT;
  static constexpr uint32_t kMagnitude = Small::kSign - 1;
  static constexpr uint32_t kConstant =
      (Small::kMinNormal32 >> Small::kShift) + (Small::kShift << Small::kMantissaBits);
  static constexpr uint32_t kMissing = (0u - kConstant) & kMagnitude;

  template <class D>
  static HWY_INLINE hn::Vec<hn::RebindToSigned<D>> sums(D d, hn::Vec<D> x) {
    constexpr float kFar = static_cast<float>(1u << Small::kShift);
    constexpr float kMore = static_cast<float>(kMissing) / static_cast<float>(1u << Small::kMantissaBits);
    const auto sum = hn::MulAdd(binade_of(d, x, Small::kMinNormal32), hn::Set(d, kFar + kMore), x);  // product is exact
    return hn::BitCast(hn::RebindToSigned<D>(), sum);
  }

  template <class D>
  static HWY_INLINE hn::Vec<hn::RebindToSigned<D>> codes(D d, hn::Vec<D> x) {
    const hn::RebindToSigned<D> di;
    const auto magnitude = hn::Set(di, static_cast<int32_t>(kMagnitude));
    const auto sum = sums(d, x);
    return chosen(magnitude, hn::Add(sum, hn::ShiftRight<Small::kShift>(sum)), hn::ShiftRight<31>(sum));
  }

#if HWY_TARGET != HWY_SCALAR
  // Of the words sign, constant, magnitude, kBelow zeros: the magnitude goes to the sign.
  template <class D>
  static HWY_INLINE Shorts pair(D d, hn::Vec<D> a, hn::Vec<D> b) {
    const hn::ScalableTag<int16_t> d16;
    const auto words = shorts(halves(d, a), halves(d, b));
    const auto sign = hn::Set(d16, static_cast<int16_t>(-0x8000));
    return hn::ShiftRight<8>(chosen(sign, words, hn::ShiftLeft<8 - kBelow>(words)));
  }

 private:
  static constexpr int kBelow = Small::kShift - 16;  // the bits of a sum's upper half below a code's

  // The upper half of a sum with the lower one added in its place, in the range of 16 bits.
  template <class D>
  static HWY_INLINE hn::Vec<hn::RebindToSigned<D>> halves(D d, hn::Vec<D> x) {
    const hn::RebindToSigned<D> di;
    const auto sum = sums(d, x);
#if HWY_ARCH_X86
    const hn::Repartition<int16_t, D> d16;
    const auto factors = hn::BitCast(d16, hn::Set(di, (1 << 16) | (1 << kBelow)));
    auto unused = hn::Zero(di);
    return hn::ReorderWidenMulAccumulate(di, hn::BitCast(d16, sum), factors, hn::Zero(di), unused);
#else
    const auto lower = hn::And(sum, hn::Set(di, 0xffff));
    return hn::Add(hn::ShiftRight<16>(sum), hn::ShiftLeft<kBelow>(lower));
#endif
  }
#endif
};

// ---- Roundings -----------------------------------------------------------------------------------------------------

HWY_INLINE float float_at(const std::byte* floats, size_t i) {
  float value;
  std::memcpy(&value, floats + i * sizeof value, sizeof value);
  return value;
}

template <class Number>
struct NearestRounding {
  float inverse;
  template <class D>
  HWY_INLINE hn::Vec<D> scaled(D d, const std::byte* floats, size_t i) const {
    return hn::Mul(load(d, floats + i * sizeof(float)), hn::Set(d, inverse));
  }
  template <class D>
  HWY_INLINE hn::Vec<hn::RebindToSigned<D>> lanes(D d, const std::byte* floats, size_t i) const {
    return NumberLanes<Number>::codes(d, scaled(d, floats, i));
  }
#if HWY_TARGET != HWY_SCALAR
  template <class D>
  HWY_INLINE Shorts pair(D d, const std::byte* floats, size_t i) const {
    return NumberLanes<Number>::pair(d, scaled(d, floats, i), scaled(d, floats, i + hn::Lanes(d)));
  }
#endif
  HWY_INLINE int32_t one(const std::byte* floats, size_t i) const {
    return Number::code(float_at(floats, i) * inverse);
  }
};

template <class Number>
struct NearestSource {
  HWY_INLINE bool simple(size_t, size_t) const { return true; }
  HWY_INLINE NearestRounding<Number> rounding(float inverse, size_t) const { return {inverse}; }
  HWY_INLINE NearestRounding<Number> slow_rounding(float inverse, size_t) const { return {inverse}; }
  HWY_INLINE void advance(size_t) {}
};

// `random` begins with the block's first element.
template <class Number>
struct SlowRandomRounding {
  float inverse;
  random::Run random;
  HWY_INLINE int32_t one(const std::byte* floats, size_t i) const {
    return Number::code(float_at(floats, i) * inverse, random(i));
  }
};

template <class Number>
struct RandomRounding {
  SlowRandomRounding<Number> slow;
  RandomBits bits;
  RandomRounding(float inverse, const random::Run& run) : slow{inverse, run}, bits(run) {}
  template <class D>
  HWY_INLINE hn::Vec<hn::RebindToSigned<D>> lanes(D d, const std::byte* floats, size_t i) const {
    const auto x = hn::Mul(load(d, floats + i * sizeof(float)), hn::Set(d, slow.inverse));
    return NumberLanes<Number>::codes(d, x, bits.at(hn::RebindToUnsigned<D>(), i));
  }
#if HWY_TARGET != HWY_SCALAR
  template <class D>
  HWY_INLINE Shorts pair(D d, const std::byte* floats, size_t i) const {
    return shorts(lanes(d, floats, i), lanes(d, floats, i + hn::Lanes(d)));
  }
#endif
  HWY_INLINE int32_t one(const std::byte* floats, size_t i) const { return slow.one(floats, i); }
};

// Vectors need a block's counters to share a key; one block in 2^32 elements has two.
template <class Number>
struct RandomSource {
  random::Run run;
  HWY_INLINE bool simple(size_t begin, size_t m) const { return m <= run.after(begin).sharing_key(); }
  HWY_INLINE RandomRounding<Number> rounding(float inverse, size_t begin) const { return {inverse, run.after(begin)}; }
  HWY_INLINE SlowRandomRounding<Number> slow_rounding(float inverse, size_t begin) const {
    return {inverse, run.after(begin)};
  }
  HWY_INLINE void advance(size_t elements) { run.first += elements; }
};

}  // namespace coll::block::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
