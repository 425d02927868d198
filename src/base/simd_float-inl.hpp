// Float formats, operators and loops over arrays in SIMD, compiled once per instruction set.
//
// Included by SIMD sources after <hwy/foreach_target.h>; the guard is Highway's per-target toggle. Every function gives
// the bits that float.hpp gives. Pointers may have any alignment; the rest of an array that fills no vector goes
// through the same code with one lane.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/float.hpp"

#if defined(COLL_BASE_SIMD_FLOAT_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef COLL_BASE_SIMD_FLOAT_INL_HPP_
#undef COLL_BASE_SIMD_FLOAT_INL_HPP_
#else
#define COLL_BASE_SIMD_FLOAT_INL_HPP_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace coll::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// ---- Memory of any alignment --------------------------------------------------------------------------------------

template <class D>
HWY_INLINE hn::Vec<D> load(D d, const void* from) {
  using T = hn::TFromD<D>;
  if constexpr (hn::MaxLanes(d) == 1) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return hn::Set(d, value);
  } else {
    return hn::LoadU(d, static_cast<const T*>(from));
  }
}

template <class D>
HWY_INLINE void store(D d, hn::Vec<D> vector, void* to) {
  using T = hn::TFromD<D>;
  if constexpr (hn::MaxLanes(d) == 1) {
    const T value = hn::GetLane(vector);
    std::memcpy(to, &value, sizeof value);
  } else {
    hn::StoreU(vector, d, static_cast<T*>(to));
  }
}

// Calls step(tag, i) for i in steps of a whole vector, then for each element that is left with a tag of one lane.
template <class Lane, class Step>
HWY_INLINE void each_vector(size_t count, const Step& step) {
  const hn::ScalableTag<Lane> whole;
  const hn::CappedTag<Lane, 1> single;
  const size_t lanes = hn::Lanes(whole);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) step(whole, i);
  for (; i < count; ++i) step(single, i);
}

// ---- Float formats: float32 lanes from and to memory ---------------------------------------------------------------

template <class D>
HWY_INLINE hn::Vec<D> canonical(D d, hn::Vec<D> value) {
  const hn::RebindToUnsigned<D> bits;
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return hn::IfThenElse(hn::IsNaN(value), hn::BitCast(d, hn::Set(bits, kNan32)), value);
  } else {
    return hn::IfThenElse(hn::IsNaN(value), hn::BitCast(d, hn::Set(bits, kNan64)), value);
  }
}

// A format has kBytes, get(tag, from) -> lanes, and put(tag, lanes, to), which make NaN canonical, and raw(tag, from),
// which is get() of any NaN where that is cheaper: for operands of a chain. Float32 is got as it is.
struct Float32Format {
  static constexpr size_t kBytes = 4;
  template <class D>
  static HWY_INLINE hn::Vec<D> get(D d, const std::byte* from) {
    return load(d, from);
  }
  template <class D>
  static HWY_INLINE hn::Vec<D> raw(D d, const std::byte* from) {
    return load(d, from);
  }
  template <class D>
  static HWY_INLINE void put(D d, hn::Vec<D> value, std::byte* to) {
    store(d, canonical(d, value), to);
  }
};

struct Bf16Format {
  static constexpr size_t kBytes = 2;
  template <class D>
  static HWY_INLINE hn::Vec<D> get(D d, const std::byte* from) {
    return canonical(d, raw(d, from));
  }
  template <class D>
  static HWY_INLINE hn::Vec<D> raw(D d, const std::byte* from) {
    const hn::RebindToUnsigned<D> d32;
    const hn::Rebind<uint16_t, D> d16;
    return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(d32, load(d16, from))));
  }
  template <class D>
  static HWY_INLINE void put(D d, hn::Vec<D> value, std::byte* to) {
    const hn::Rebind<uint16_t, D> d16;
    store(d16, hn::TruncateTo(d16, hn::ShiftRight<16>(rounded(d, canonical(d, value)))), to);
  }
#if HWY_TARGET != HWY_SCALAR
  // Two vectors without NaN at once: the upper halves of their lanes, which are the odd 16-bit lanes, fill one.
  template <class D>
  static HWY_INLINE void put2(D d, hn::Vec<D> low, hn::Vec<D> high, std::byte* to) {
    const hn::Repartition<uint16_t, D> d16;
    const auto odd = hn::ConcatOdd(d16, hn::BitCast(d16, rounded(d, high)), hn::BitCast(d16, rounded(d, low)));
    store(d16, odd, to);
  }
#endif

 private:
  // The code is the upper half of each lane.
  template <class D>
  static HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> rounded(D, hn::Vec<D> value) {
    const hn::RebindToUnsigned<D> d32;
    const auto bits = hn::BitCast(d32, value);
    const auto to_even = hn::And(hn::ShiftRight<16>(bits), hn::Set(d32, 1u));
    return hn::Add(bits, hn::Add(to_even, hn::Set(d32, 0x7fffu)));
  }
};

// float.hpp's small_from_float and small_to_float, lane by lane. `Code` is the unsigned integer in memory.
template <class Small, typename Code>
struct SmallFormat {
  static constexpr size_t kBytes = sizeof(Code);

  template <class D>
  static HWY_INLINE hn::Vec<D> get(D d, const std::byte* from) {
    const hn::RebindToUnsigned<D> d32;
    const hn::RebindToSigned<D> di32;
    const auto code = hn::PromoteTo(d32, load(hn::Rebind<Code, D>(), from));
    const auto sign = hn::ShiftLeft<32 - Small::kBits>(hn::And(code, hn::Set(d32, Small::kSign)));
    const auto magnitude = hn::BitCast(di32, hn::And(code, hn::Set(d32, Small::kSign - 1)));
    const auto unit = hn::BitCast(d, hn::Set(d32, Small::kSubnormalUnit));
    const auto subnormal = hn::BitCast(di32, hn::Mul(hn::ConvertTo(d, magnitude), unit));
    const auto normal = hn::Add(hn::ShiftLeft<Small::kShift>(magnitude), constant(di32, Small::kRebias));
    auto bits = hn::IfThenElse(hn::Lt(magnitude, constant(di32, 1u << Small::kMantissaBits)), subnormal, normal);
    if constexpr (Small::kInfinity) {
      bits = hn::IfThenElse(hn::Eq(magnitude, constant(di32, Small::kOverflow)), constant(di32, kInf32), bits);
    }
    bits = hn::Or(bits, hn::BitCast(di32, sign));
    const uint32_t largest = Small::kInfinity ? Small::kOverflow : Small::kMaxFinite;
    bits = hn::IfThenElse(hn::Gt(magnitude, constant(di32, largest)), constant(di32, kNan32), bits);
    return hn::BitCast(d, bits);
  }
  template <class D>
  static HWY_INLINE hn::Vec<D> raw(D d, const std::byte* from) {
    return get(d, from);
  }

  template <class D>
  static HWY_INLINE void put(D d, hn::Vec<D> value, std::byte* to) {
    const hn::RebindToUnsigned<D> d32;
    const hn::RebindToSigned<D> di32;
    const hn::Rebind<Code, D> dcode;
    const auto bits = hn::BitCast(d32, value);
    const auto magnitude = hn::And(bits, hn::Set(d32, kAbsMask32));
    const auto sign = hn::ShiftLeft<Small::kBits - 1>(hn::ShiftRight<31>(bits));
    const auto magic = hn::Set(d32, Small::kSubnormalMagic);
    const auto shifted = hn::Add(hn::BitCast(d, magnitude), hn::BitCast(d, magic));
    const auto subnormal = hn::BitCast(di32, hn::Sub(hn::BitCast(d32, shifted), magic));

    const auto to_even = hn::And(hn::ShiftRight<Small::kShift>(magnitude), hn::Set(d32, 1u));
    const auto offset = hn::Set(d32, ((1u << (Small::kShift - 1)) - 1) - Small::kRebias);
    const auto rounded = hn::Add(hn::Add(magnitude, offset), to_even);
    auto normal = hn::BitCast(di32, hn::ShiftRight<Small::kShift>(rounded));
    const auto overflow = constant(di32, Small::kOverflow);
    normal = hn::IfThenElse(hn::Gt(normal, constant(di32, Small::kMaxFinite)), overflow, normal);

    const auto size = hn::BitCast(di32, magnitude);
    auto code = hn::IfThenElse(hn::Lt(size, constant(di32, Small::kMinNormal32)), subnormal, normal);
    code = hn::Or(code, hn::BitCast(di32, sign));
    auto is_nan = hn::Gt(size, constant(di32, kInf32));
    if constexpr (!Small::kInfinity) {  // overflow is NaN, which has no sign
      is_nan = hn::Eq(hn::And(code, constant(di32, Small::kNan)), constant(di32, Small::kNan));
    }
    code = hn::IfThenElse(is_nan, constant(di32, Small::kNan), code);
    store(dcode, hn::TruncateTo(dcode, hn::BitCast(d32, code)), to);
  }

 private:
  template <class D>
  static HWY_INLINE hn::Vec<D> constant(D d, uint32_t bits) {
    return hn::Set(d, static_cast<int32_t>(bits));
  }
};

using E4m3Format = SmallFormat<E4m3, uint8_t>;
using E5m2Format = SmallFormat<E5m2, uint8_t>;

#if (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2) || HWY_TARGET == HWY_NEON
// Targets that convert in hardware; NaN is made canonical around it.
struct Fp16Format {
  static constexpr size_t kBytes = 2;
  template <class D>
  static HWY_INLINE hn::Vec<D> get(D d, const std::byte* from) {
    return canonical(d, raw(d, from));
  }
  template <class D>
  static HWY_INLINE hn::Vec<D> raw(D d, const std::byte* from) {
    const auto code = load(hn::Rebind<uint16_t, D>(), from);
    return hn::PromoteTo(d, hn::BitCast(hn::Rebind<hwy::float16_t, D>(), code));
  }
  template <class D>
  static HWY_INLINE void put(D d, hn::Vec<D> value, std::byte* to) {
    const hn::Rebind<uint16_t, D> d16;
    const auto code = hn::DemoteTo(hn::Rebind<hwy::float16_t, D>(), canonical(d, value));
    store(d16, hn::BitCast(d16, code), to);
  }
};
#else
using Fp16Format = SmallFormat<Fp16, uint16_t>;
#endif

// ---- Operators -----------------------------------------------------------------------------------------------------

// merge() keeps NaN but not its one pattern: operands of a chain are merged, and the end is made canonical. apply() is
// a chain of one.

template <class Op>
struct Canonical {
  template <class D>
  static HWY_INLINE hn::Vec<D> apply(D d, hn::Vec<D> a, hn::Vec<D> b) {
    if constexpr (std::is_floating_point_v<hn::TFromD<D>>) {
      return canonical(d, Op::merge(d, a, b));
    } else {
      return Op::merge(d, a, b);
    }
  }
};

struct SumOp : Canonical<SumOp> {
  template <class D>
  static HWY_INLINE hn::Vec<D> merge(D, hn::Vec<D> a, hn::Vec<D> b) {
    return hn::Add(a, b);
  }
};

struct ProdOp : Canonical<ProdOp> {
  template <class D>
  static HWY_INLINE hn::Vec<D> merge(D, hn::Vec<D> a, hn::Vec<D> b) {
    return hn::Mul(a, b);
  }
};

// A NaN wherever a or b is one, else `value`.
template <class D>
HWY_INLINE hn::Vec<D> propagate_nan(D, hn::Vec<D> a, hn::Vec<D> b, hn::Vec<D> value) {
  return hn::IfThenElse(hn::IsNaN(a), a, hn::IfThenElse(hn::IsNaN(b), b, value));
}

// Equal floats have equal bits, except for the zeros: And gives +0 where one is, Or gives -0.
struct MaxOp : Canonical<MaxOp> {
  template <class D>
  static HWY_INLINE hn::Vec<D> merge(D d, hn::Vec<D> a, hn::Vec<D> b) {
    if constexpr (std::is_floating_point_v<hn::TFromD<D>>) {
      return propagate_nan(d, a, b, hn::IfThenElse(hn::Eq(a, b), hn::And(a, b), hn::Max(a, b)));
    } else {
      return hn::Max(a, b);
    }
  }
};

struct MinOp : Canonical<MinOp> {
  template <class D>
  static HWY_INLINE hn::Vec<D> merge(D d, hn::Vec<D> a, hn::Vec<D> b) {
    if constexpr (std::is_floating_point_v<hn::TFromD<D>>) {
      return propagate_nan(d, a, b, hn::IfThenElse(hn::Eq(a, b), hn::Or(a, b), hn::Min(a, b)));
    } else {
      return hn::Min(a, b);
    }
  }
};

// ---- Arrays of a format, through float32 lanes
// -----------------------------------------------------------------------

template <class Format>
struct GetStep {
  const std::byte* from;
  std::byte* floats;
  template <class D>
  HWY_INLINE void operator()(D d, size_t i) const {
    store(d, Format::get(d, from + i * Format::kBytes), floats + i * sizeof(float));
  }
};

template <class Format>
struct PutStep {
  const std::byte* floats;
  std::byte* to;
  template <class D>
  HWY_INLINE void operator()(D d, size_t i) const {
    Format::put(d, load(d, floats + i * sizeof(float)), to + i * Format::kBytes);
  }
};

template <class Format, class Op>
struct CombineStep {
  const std::byte* from;
  std::byte* floats;
  template <class D>
  HWY_INLINE void operator()(D d, size_t i) const {
    std::byte* const at = floats + i * sizeof(float);
    store(d, Op::apply(d, load(d, at), Format::raw(d, from + i * Format::kBytes)), at);
  }
};

// floats[0..count) = from[0..count)
template <class Format>
void get_array(const void* from, void* floats, size_t count) {
  each_vector<float>(count, GetStep<Format>{static_cast<const std::byte*>(from), static_cast<std::byte*>(floats)});
}

#if HWY_TARGET != HWY_SCALAR
// Four vectors, whose sum is NaN where one of them is: then, and where infinities meet, they are looked at one by one.
template <class D>
HWY_INLINE void put4_bf16(D d, const std::byte* floats, std::byte* to) {
  const size_t step = hn::Lanes(d) * sizeof(float);
  auto v0 = load(d, floats), v1 = load(d, floats + step);
  auto v2 = load(d, floats + 2 * step), v3 = load(d, floats + 3 * step);
  const auto sum = hn::Add(hn::Add(v0, v1), hn::Add(v2, v3));
  if (HWY_UNLIKELY(!hn::AllFalse(d, hn::IsNaN(sum)))) {
    v0 = canonical(d, v0);
    v1 = canonical(d, v1);
    v2 = canonical(d, v2);
    v3 = canonical(d, v3);
  }
  Bf16Format::put2(d, v0, v1, to);
  Bf16Format::put2(d, v2, v3, to + step);
}
#endif

// to[0..count) = floats[0..count), rounded
template <class Format>
void put_array(const void* floats, void* to, size_t count) {
  const auto* from = static_cast<const std::byte*>(floats);
  auto* out = static_cast<std::byte*>(to);
#if HWY_TARGET != HWY_SCALAR
  if constexpr (std::is_same_v<Format, Bf16Format>) {
    const hn::ScalableTag<float> d;
    const size_t lanes = hn::Lanes(d);
    for (; count >= 4 * lanes; count -= 4 * lanes) {
      put4_bf16(d, from, out);
      from += 4 * lanes * sizeof(float);
      out += 4 * lanes * Format::kBytes;
    }
  }
#endif
  each_vector<float>(count, PutStep<Format>{from, out});
}

// floats[i] = op(floats[i], from[i])
template <class Format, class Op>
void combine_array(const void* from, void* floats, size_t count) {
  each_vector<float>(count,
                     CombineStep<Format, Op>{static_cast<const std::byte*>(from), static_cast<std::byte*>(floats)});
}

}  // namespace coll::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
