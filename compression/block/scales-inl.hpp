// Scales of blocks, compiled once per instruction set.
#if defined(COMPRESSION_BLOCK_SCALES_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef COMPRESSION_BLOCK_SCALES_INL_HPP_
#undef COMPRESSION_BLOCK_SCALES_INL_HPP_
#else
#define COMPRESSION_BLOCK_SCALES_INL_HPP_
#endif

#include "base/simd_float-inl.hpp"
#include "compression/block/layout.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::block::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace coll::simd::HWY_NAMESPACE;

// Lanes of the largest magnitudes of floats[0..m), as bits; NaN is above infinity. The rest that fills no vector goes
// to the first lane.
template <class D>
HWY_INLINE hn::Vec<D> largest_magnitudes(D d, const std::byte* floats, size_t m) {
  const auto mask = hn::Set(d, static_cast<int32_t>(kAbsMask32));
  const size_t lanes = hn::Lanes(d);
  const auto at = [&](size_t element) HWY_ATTR { return hn::And(mask, load(d, floats + element * sizeof(float))); };
  auto first = hn::Zero(d), second = hn::Zero(d), third = hn::Zero(d), fourth = hn::Zero(d);
  size_t i = 0;
  for (; i + 4 * lanes <= m; i += 4 * lanes) {
    first = hn::Max(first, at(i));
    second = hn::Max(second, at(i + lanes));
    third = hn::Max(third, at(i + 2 * lanes));
    fourth = hn::Max(fourth, at(i + 3 * lanes));
  }
  for (; i + 2 * lanes <= m; i += 2 * lanes) {
    first = hn::Max(first, at(i));
    second = hn::Max(second, at(i + lanes));
  }
  if (i < m) {
    int32_t rest = 0;
    for (; i < m; ++i) {
      int32_t bits;
      std::memcpy(&bits, floats + i * sizeof bits, sizeof bits);
      bits &= static_cast<int32_t>(kAbsMask32);
      rest = bits > rest ? bits : rest;
    }
    first = hn::Max(first, hn::Set(d, rest));
  }
  return hn::Max(hn::Max(first, second), hn::Max(third, fourth));
}

// Blocks whose scales are found before the first is encoded, so that one block's latency hides in the others' work;
// few enough elements to stay in the L1 cache.
inline constexpr size_t kGroupBlocks = 16;
inline constexpr size_t kGroupElements = 2048;

struct Group {
  alignas(64) uint16_t scale[kGroupBlocks];
  alignas(64) float inverse[kGroupBlocks];
};

// Lane i of the result is the largest lane of the vector at vectors + i * lanes.
template <class D>
HWY_INLINE hn::Vec<D> largest_of_each(D d, int32_t* vectors) {
#if HWY_TARGET != HWY_SCALAR
  const size_t lanes = hn::Lanes(d);
  for (size_t left = lanes; left > 1; left /= 2) {
    for (size_t i = 0; i < left; i += 2) {
      const auto a = hn::Load(d, vectors + i * lanes), b = hn::Load(d, vectors + (i + 1) * lanes);
      hn::Store(hn::Max(hn::ConcatEven(d, b, a), hn::ConcatOdd(d, b, a)), d, vectors + i / 2 * lanes);
    }
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

// The scales of up to kGroupBlocks blocks.
template <class Number>
HWY_INLINE void find_scales(const std::byte* floats, size_t elements, size_t block, Group* group) {
  const hn::CappedTag<int32_t, kGroupBlocks> d;
  constexpr size_t kMostLanes = hn::MaxLanes(d);
  const size_t lanes = hn::Lanes(d);
  alignas(64) int32_t vectors[kMostLanes * kMostLanes];
  for (size_t first = 0; first * block < elements; first += lanes) {
    for (size_t g = 0; g < lanes; ++g) {
      const size_t at = (first + g) * block;
      const size_t m = elements - at < block ? elements - at : block;
      const bool there = at < elements;
      store(d, there ? largest_magnitudes(d, floats + at * sizeof(float), m) : hn::Zero(d), vectors + g * lanes);
    }
    store_scales<Number>(d, largest_of_each(d, vectors), group->scale + first, group->inverse + first);
  }
}

}  // namespace coll::block::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
