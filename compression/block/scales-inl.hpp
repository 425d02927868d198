// Scales of blocks, compiled once per instruction set.
#if defined(COMPRESSION_BLOCK_SCALES_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef COMPRESSION_BLOCK_SCALES_INL_HPP_
#undef COMPRESSION_BLOCK_SCALES_INL_HPP_
#else
#define COMPRESSION_BLOCK_SCALES_INL_HPP_
#endif

#include "base/simd_float-inl.hpp"
#include "compression/block/block_codec.hpp"
#include "compression/block/layout.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::block::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace coll::simd::HWY_NAMESPACE;

// Lanes of the largest magnitudes of floats[0..m), as bits; NaN is above infinity. The rest that fills no vector goes
// to all lanes.
template <class D>
HWY_INLINE hn::Vec<D> largest_magnitudes(D d, const std::byte* floats, size_t m) {
  const auto mask = hn::Set(d, static_cast<int32_t>(kAbsMask32));
  const size_t lanes = hn::Lanes(d);
  const auto at = [&](size_t element) HWY_ATTR { return hn::And(mask, load(d, floats + element * sizeof(float))); };
  auto even = hn::Zero(d), odd = hn::Zero(d);
  size_t i = 0;
  if (2 * lanes <= m) {
    even = at(0);
    odd = at(lanes);
    for (i = 2 * lanes; i + 2 * lanes <= m; i += 2 * lanes) {
      even = hn::Max(even, at(i));
      odd = hn::Max(odd, at(i + lanes));
    }
  }
  if (i < m) {
    int32_t rest = 0;
    for (; i < m; ++i) {
      int32_t bits;
      std::memcpy(&bits, floats + i * sizeof bits, sizeof bits);
      bits &= static_cast<int32_t>(kAbsMask32);
      rest = bits > rest ? bits : rest;
    }
    even = hn::Max(even, hn::Set(d, rest));
  }
  return hn::Max(even, odd);
}

// Blocks whose scales are found together; few enough elements to stay in the L1 cache until they are encoded.
inline constexpr size_t kGroupBlocks = 16;
inline constexpr size_t kGroupElements = 2048;

class Group {
 public:
  // Looks at block `at` of m elements.
  HWY_INLINE void look_at(size_t at, const std::byte* floats, size_t m) {
    const hn::CappedTag<int32_t, kGroupBlocks> d;
    const auto largest = m == BlockCodec::kDefaultBlock ? largest_magnitudes(d, floats, BlockCodec::kDefaultBlock)
                                                        : largest_magnitudes(d, floats, m);
    hn::Store(largest, d, magnitudes_ + at * hn::Lanes(d));
  }
  // The scales of the first `blocks` blocks, which have been looked at since the last time.
  template <class Number>
  HWY_INLINE void find_scales(size_t blocks);

  HWY_INLINE const uint16_t* scales() const { return scales_; }
  HWY_INLINE float inverse(size_t at) const { return inverses_[at]; }

 private:
  alignas(64) int32_t magnitudes_[kGroupBlocks * hn::MaxLanes(hn::CappedTag<int32_t, kGroupBlocks>())];
  alignas(64) uint16_t scales_[kGroupBlocks];
  alignas(64) float inverses_[kGroupBlocks];
};

// Lane i of the result is the largest lane of vector i of kVectors in a row, as many as there are lanes.
template <size_t kVectors, class D>
HWY_INLINE hn::Vec<D> largest_of_each(D d, const int32_t* vectors) {
#if HWY_TARGET != HWY_SCALAR
  if constexpr (kVectors > 1) {
    constexpr size_t kHalf = kVectors / 2;
    const auto a = largest_of_each<kHalf>(d, vectors), b = largest_of_each<kHalf>(d, vectors + kHalf * hn::Lanes(d));
    return hn::Max(hn::ConcatEven(d, b, a), hn::ConcatOdd(d, b, a));
  }
#endif
  return hn::Load(d, vectors);
}

// scale_of() and the scale's inverse, for a vector of blocks.
template <class Number, class D>
HWY_INLINE void store_scales(D d, hn::Vec<D> largest, uint16_t* scales, float* inverses) {
  const hn::RebindToFloat<D> df;
  const hn::Rebind<uint16_t, D> d16;
  const hn::RebindToUnsigned<D> du;
  constexpr float kInverse = 1.0f / Number::kLargest;
  const auto hard = hn::Gt(largest, hn::Set(d, static_cast<int32_t>(kInf32 - 1)));
  auto bits = hn::BitCast(d, hn::Mul(hn::BitCast(df, largest), hn::Set(df, kInverse)));
  bits = hn::Max(bits, hn::Set(d, static_cast<int32_t>(kMinScale32)));
  auto scale = hn::ShiftRight<16>(hn::BitCast(du, hn::Add(bits, hn::Set(d, 0xffff))));
  scale = hn::IfThenElse(hn::RebindMask(du, hard), hn::Set(du, uint32_t{kNanScale}), scale);
  store(d16, hn::TruncateTo(d16, scale), scales);
  store(df, hn::Div(hn::Set(df, 1.0f), hn::BitCast(df, hn::ShiftLeft<16>(scale))), inverses);
}

template <class Number>
HWY_INLINE void Group::find_scales(size_t blocks) {
  const hn::CappedTag<int32_t, kGroupBlocks> d;
  const size_t lanes = hn::Lanes(d);
  for (size_t none = blocks; none % lanes != 0; ++none) hn::Store(hn::Zero(d), d, magnitudes_ + none * lanes);
  for (size_t first = 0; first < blocks; first += lanes) {
    store_scales<Number>(d, largest_of_each<hn::MaxLanes(d)>(d, magnitudes_ + first * lanes), scales_ + first,
                         inverses_ + first);
  }
}

}  // namespace coll::block::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
