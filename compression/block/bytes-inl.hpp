// The SIMD side of bytes.hpp, compiled once per instruction set.
#if defined(COMPRESSION_BLOCK_BYTES_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef COMPRESSION_BLOCK_BYTES_INL_HPP_
#undef COMPRESSION_BLOCK_BYTES_INL_HPP_
#else
#define COMPRESSION_BLOCK_BYTES_INL_HPP_
#endif

#include "compression/block/bytes.hpp"
#include "compression/block/kernels-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::block::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace coll::simd::HWY_NAMESPACE;

// Number::value() over kUnit, in vectors, of codes that stand for a finite number.
template <class Number>
struct ByteValues {  // integers
  static constexpr float kUnit = 1;
  template <class D>
  static HWY_INLINE hn::Vec<D> at(D d, const std::byte* codes) {
    return hn::ConvertTo(d, hn::PromoteTo(hn::RebindToSigned<D>(), load(hn::Rebind<int8_t, D>(), codes)));
  }
};

#if (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2) || HWY_TARGET == HWY_NEON
// Where half floats are converted in hardware: as one, a code with its exponent in the lowest bits of a half's is its
// value times a power of two.
template <class Small>
struct ByteValues<Floats<Small>> {
  static constexpr int kShift = Fp16::kMantissaBits - Small::kMantissaBits;
  static constexpr auto kBits = static_cast<int16_t>((Small::kSign - 1) << kShift | Fp16::kSign);
  static constexpr float kUnit = static_cast<float>(1 << (Fp16::kBias - Small::kBias));
  template <class D>
  static HWY_INLINE hn::Vec<D> at(D d, const std::byte* codes) {
    const hn::Rebind<int16_t, D> d16;
    const auto wide = hn::PromoteTo(d16, load(hn::Rebind<int8_t, D>(), codes));  // the sign is where a half has it
    const auto half = hn::And(hn::ShiftLeft<kShift>(wide), hn::Set(d16, kBits));
    return hn::PromoteTo(d, hn::BitCast(hn::Rebind<hwy::float16_t, D>(), half));
  }
};
#else
template <class Small>
struct ByteValues<Floats<Small>> {
  static constexpr float kUnit = 1;
  template <class D>
  static HWY_INLINE hn::Vec<D> at(D d, const std::byte* codes) {
    return SmallFormat<Small, uint8_t>::get(d, codes);
  }
};
#endif

// Whether a magnitude among the codes is above `largest`.
HWY_INLINE bool any_above(int8_t largest, const std::byte* codes, size_t count) {
  const hn::ScalableTag<int8_t> d;
  const size_t lanes = hn::Lanes(d);
  const auto mask = hn::Set(d, int8_t{0x7f});
  auto most = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) most = hn::Max(most, hn::And(mask, load(d, codes + i)));
  bool any = !hn::AllFalse(d, hn::Gt(most, hn::Set(d, largest)));
  for (; i < count; ++i) any = any || static_cast<int8_t>(codes[i] & std::byte{0x7f}) > largest;
  return any;
}

template <class Number>
struct ByteLanes {
#if HWY_TARGET != HWY_SCALAR
  static constexpr size_t kVectors = 4;
  template <class D, class Rounding>
  static HWY_INLINE void store_many(D d, const Rounding& rounding, const std::byte* floats, size_t, std::byte* codes,
                                    size_t i) {
    const auto low = rounding.pair(d, floats, i), high = rounding.pair(d, floats, i + 2 * hn::Lanes(d));
    store(hn::Repartition<int8_t, D>(), narrow(low, high), codes + i);
  }
#endif
  template <class D, class Rounding>
  static HWY_INLINE void store_one(D d, const Rounding& rounding, const std::byte* floats, size_t, std::byte* codes,
                                   size_t i) {
    const hn::RebindToUnsigned<D> d32;
    const hn::Rebind<uint8_t, D> d8;
    store(d8, hn::TruncateTo(d8, hn::BitCast(d32, rounding.lanes(d, floats, i))), codes + i);
  }

  static constexpr float kUnit = ByteValues<Number>::kUnit;
  template <class D>
  static HWY_INLINE void numbers(D d, const std::byte* codes, size_t, size_t i, hn::Vec<D>* out) {
    out[0] = ByteValues<Number>::at(d, codes + i);
  }
  static HWY_INLINE bool special(const std::byte* codes, size_t m) {
    if constexpr (requires { typename Number::Small; }) {
      return any_above(static_cast<int8_t>(Number::Small::kMaxFinite), codes, m);
    }
    return false;
  }
};

}  // namespace coll::block::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
