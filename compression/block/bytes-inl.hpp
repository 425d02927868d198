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

// Number::value() times the scale, in vectors.
template <class Number, class D>
struct ByteValues {  // integers
  hn::Vec<D> scale;
  HWY_INLINE ByteValues(D d, float scale_value) : scale(hn::Set(d, scale_value)) {}
  HWY_INLINE hn::Vec<D> at(D d, const std::byte* codes) const {
    const auto code = hn::PromoteTo(hn::RebindToSigned<D>(), load(hn::Rebind<int8_t, D>(), codes));
    return hn::Mul(hn::ConvertTo(d, code), scale);
  }
};

#if (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2) || HWY_TARGET == HWY_NEON
// Where half floats are converted in hardware. As one, a code with its exponent in the lowest bits of a half's is its
// value times a power of two, which the scale takes back: both products are exact, but for the same last rounding.
template <class Small, class D>
struct ByteValues<Floats<Small>, D> {
  static constexpr int kShift = Fp16::kMantissaBits - Small::kMantissaBits;
  static constexpr uint16_t kMagnitude = (Small::kSign - 1) << kShift;
  static constexpr uint16_t kLargest = Small::kMaxFinite << kShift;
  hn::Vec<D> scale;
  HWY_INLINE ByteValues(D d, float scale_value)
      : scale(hn::Set(d, scale_value * static_cast<float>(1 << (Fp16::kBias - Small::kBias)))) {}
  HWY_INLINE hn::Vec<D> at(D d, const std::byte* codes) const {
    const hn::Rebind<int16_t, D> d16;
    const hn::Rebind<uint16_t, D> du16;
    const auto wide = hn::PromoteTo(d16, load(hn::Rebind<int8_t, D>(), codes));  // the sign is where a half has it
    const auto bits = hn::BitCast(du16, hn::ShiftLeft<kShift>(wide));
    const auto magnitude = hn::And(bits, hn::Set(du16, kMagnitude));
    auto half = hn::Or(magnitude, hn::And(bits, hn::Set(du16, uint16_t{Fp16::kSign})));
    const auto hard = hn::Gt(hn::BitCast(d16, magnitude), hn::Set(d16, static_cast<int16_t>(kLargest)));
    half = hn::IfThenElse(hn::RebindMask(du16, hard), hn::Set(du16, uint16_t{Fp16::kNan}), half);
    return hn::Mul(hn::PromoteTo(d, hn::BitCast(hn::Rebind<hwy::float16_t, D>(), half)), scale);
  }
};
#else
template <class Small, class D>
struct ByteValues<Floats<Small>, D> {
  hn::Vec<D> scale;
  HWY_INLINE ByteValues(D d, float scale_value) : scale(hn::Set(d, scale_value)) {}
  HWY_INLINE hn::Vec<D> at(D d, const std::byte* codes) const {
    const hn::RebindToUnsigned<D> bits;
    auto value = SmallFormat<Small, uint8_t>::get(d, codes);
    if constexpr (Small::kInfinity) {
      const auto infinite = hn::Eq(hn::Abs(value), hn::BitCast(d, hn::Set(bits, kInf32)));
      value = hn::IfThenElse(infinite, hn::BitCast(d, hn::Set(bits, kNan32)), value);
    }
    return hn::Mul(value, scale);
  }
};
#endif

template <class Number>
struct ByteLanes {
#if HWY_TARGET != HWY_SCALAR
  template <class D, class Rounding>
  static HWY_INLINE void store4(D d, const Rounding& rounding, const std::byte* floats, size_t, std::byte* codes,
                                size_t i) {
    store(hn::Repartition<int8_t, D>(), narrow4(d, rounding, floats, i), codes + i);
  }
#endif
  template <class D, class Rounding>
  static HWY_INLINE void store1(D d, const Rounding& rounding, const std::byte* floats, size_t, std::byte* codes,
                                size_t i) {
    const hn::RebindToUnsigned<D> d32;
    const hn::Rebind<uint8_t, D> d8;
    store(d8, hn::TruncateTo(d8, hn::BitCast(d32, rounding.lanes(d, floats, i))), codes + i);
  }

  template <class D>
  struct Decoder {
    ByteValues<Number, D> values;
    HWY_INLINE Decoder(D d, float scale_value) : values(d, scale_value) {}
    HWY_INLINE void get(const std::byte* codes, size_t, size_t i, hn::Vec<D>* out) const {
      out[0] = values.at(D(), codes + i);
    }
  };
};

}  // namespace coll::block::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
