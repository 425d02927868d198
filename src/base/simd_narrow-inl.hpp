// Float32 lanes to small integers, in order, compiled once per instruction set. Highway's own conversions guard against
// values that cannot occur here, and put each vector's integers into memory on their own.
#include <cstdint>

#if defined(COLL_BASE_SIMD_NARROW_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef COLL_BASE_SIMD_NARROW_INL_HPP_
#undef COLL_BASE_SIMD_NARROW_INL_HPP_
#else
#define COLL_BASE_SIMD_NARROW_INL_HPP_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace coll::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR

using Floats = hn::Vec<hn::ScalableTag<float>>;
using Integers = hn::Vec<hn::ScalableTag<int32_t>>;
using Bytes = hn::Vec<hn::ScalableTag<int8_t>>;

// Rounded to nearest, ties to even; magnitudes are below 2^31.
HWY_INLINE Integers nearest(Floats value) {
#if HWY_TARGET == HWY_AVX3
  return Integers{_mm512_cvtps_epi32(value.raw)};
#elif HWY_TARGET == HWY_AVX2
  return Integers{_mm256_cvtps_epi32(value.raw)};
#elif HWY_TARGET == HWY_SSE4
  return Integers{_mm_cvtps_epi32(value.raw)};
#else
  return hn::NearestInt(value);
#endif
}

using Shorts = hn::Vec<hn::ScalableTag<int16_t>>;

// The shorts of two vectors, saturated; in an order of the target's own, which narrow() undoes.
HWY_INLINE Shorts shorts(Integers a, Integers b) { return hn::ReorderDemote2To(hn::ScalableTag<int16_t>(), a, b); }

// The bytes of the four vectors behind ab and cd, one after the other; saturated.
HWY_INLINE Bytes narrow(Shorts ab, Shorts cd) {
#if HWY_TARGET == HWY_AVX3
  alignas(64) constexpr int32_t kOrder[16] = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
  return Bytes{_mm512_permutexvar_epi32(_mm512_load_si512(kOrder), _mm512_packs_epi16(ab.raw, cd.raw))};
#elif HWY_TARGET == HWY_AVX2
  alignas(32) constexpr int32_t kOrder[8] = {0, 4, 1, 5, 2, 6, 3, 7};
  const __m256i order = _mm256_load_si256(reinterpret_cast<const __m256i*>(kOrder));
  return Bytes{_mm256_permutevar8x32_epi32(_mm256_packs_epi16(ab.raw, cd.raw), order)};
#else
  const hn::ScalableTag<int8_t> d8;
  const hn::Half<decltype(d8)> half;
  return hn::Combine(d8, hn::DemoteTo(half, cd), hn::DemoteTo(half, ab));
#endif
}

#endif  // HWY_SCALAR

}  // namespace coll::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
