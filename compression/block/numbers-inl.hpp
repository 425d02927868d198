// Numbers of blocks in vectors, and how floats are rounded to them, compiled once per instruction set.
//
// A `Rounding` belongs to a block. Its lanes(tag, floats, i) are the codes of the elements from i on, sign-extended;
// one(floats, i) is that of one element. A `Source` makes the roundings of a tile's blocks, given where they begin.
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
};

template <class SmallT>
struct NumberLanes<Floats<SmallT>> {
  using Small = SmallT;
  using Number = Floats<SmallT>;
  template <class D>
  static HWY_INLINE hn::Vec<hn::RebindToSigned<D>> codes(D d, hn::Vec<D> x) {
    const hn::RebindToSigned<D> di;
    const auto constant = [=](uint32_t bits) HWY_ATTR { return hn::Set(di, static_cast<int32_t>(bits)); };
    const auto bits = hn::BitCast(di, x);
    const auto exponent = hn::Max(hn::And(bits, constant(kInf32)), constant(Small::kMinNormal32));
    const auto far = hn::BitCast(d, hn::Add(exponent, constant(Number::kFar)));
    const auto sum = hn::BitCast(di, hn::Add(hn::BitCast(d, hn::And(bits, constant(kAbsMask32))), far));
    const auto binade = hn::Sub(hn::ShiftRight<Small::kShift>(exponent), constant(Number::kFirstBinade));
    const auto magnitude = hn::Add(hn::Sub(sum, exponent), binade);
    return hn::Or(magnitude, hn::And(hn::ShiftRight<31>(bits), constant(~(Small::kSign - 1))));
  }
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
  HWY_INLINE hn::Vec<hn::RebindToSigned<D>> lanes(D d, const std::byte* floats, size_t i) const {
    return NumberLanes<Number>::codes(d, hn::Mul(load(d, floats + i * sizeof(float)), hn::Set(d, inverse)));
  }
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
