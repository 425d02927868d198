// The reduction's kernels, compiled once per instruction set.
#include "reduce/kernels.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "reduce/kernels.cpp"
#include "base/simd_targets.hpp"
// After simd_targets.hpp.
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include "base/simd_float-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::reduce::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace coll::simd::HWY_NAMESPACE;

template <typename T, class Op>
struct ElementStep {
  const std::byte* a;
  const std::byte* b;
  std::byte* out;
  template <class D>
  HWY_INLINE void operator()(D d, size_t i) const {
    store(d, Op::apply(d, load(d, a + i * sizeof(T)), load(d, b + i * sizeof(T))), out + i * sizeof(T));
  }
};

template <typename T, class Op>
void combine(const void* a, const void* b, void* out, size_t count) {
  each_vector<T>(count, ElementStep<T, Op>{static_cast<const std::byte*>(a), static_cast<const std::byte*>(b),
                                           static_cast<std::byte*>(out)});
}

// For widths that have no vector multiplication everywhere; T is unsigned, so products wrap.
template <typename T>
void multiply(const void* a, const void* b, void* out, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    T x, y;
    std::memcpy(&x, static_cast<const std::byte*>(a) + i * sizeof(T), sizeof(T));
    std::memcpy(&y, static_cast<const std::byte*>(b) + i * sizeof(T), sizeof(T));
    x = static_cast<T>(x * y);
    std::memcpy(static_cast<std::byte*>(out) + i * sizeof(T), &x, sizeof(T));
  }
}

// Types that are their own accumulator: accumulators = op(accumulators, native).
template <TypeKernels::Combine kCombine>
void combine_same(const void* native, void* accumulators, size_t count) {
  kCombine(accumulators, native, accumulators, count);
}

template <typename T>
void copy(const void* from, void* to, size_t count) {
  if (count != 0 && from != to) std::memcpy(to, from, count * sizeof(T));
}

template <typename T>
void divide_integers(void* accumulators, int divisor, size_t count) {
  using Wide = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;
  for (size_t i = 0; i < count; ++i) {
    std::byte* const at = static_cast<std::byte*>(accumulators) + i * sizeof(T);
    T value;
    std::memcpy(&value, at, sizeof(T));
    value = static_cast<T>(static_cast<Wide>(value) / static_cast<Wide>(divisor));
    std::memcpy(at, &value, sizeof(T));
  }
}

template <typename T>
struct DivideStep {
  std::byte* accumulators;
  T divisor;
  template <class D>
  HWY_INLINE void operator()(D d, size_t i) const {
    std::byte* const at = accumulators + i * sizeof(T);
    store(d, canonical(d, hn::Div(load(d, at), hn::Set(d, divisor))), at);
  }
};

template <typename T>
void divide_floats(void* accumulators, int divisor, size_t count) {
  each_vector<T>(count, DivideStep<T>{static_cast<std::byte*>(accumulators), static_cast<T>(divisor)});
}

template <typename T>
struct CanonicalStep {
  const std::byte* from;
  std::byte* to;
  template <class D>
  HWY_INLINE void operator()(D d, size_t i) const {
    store(d, canonical(d, load(d, from + i * sizeof(T))), to + i * sizeof(T));
  }
};

template <typename T>
void copy_canonical(const void* from, void* to, size_t count) {
  each_vector<T>(count, CanonicalStep<T>{static_cast<const std::byte*>(from), static_cast<std::byte*>(to)});
}

template <typename T>
constexpr TypeKernels integer() {
  using U = std::make_unsigned_t<T>;  // sums and products wrap
  constexpr auto sum = combine<U, SumOp>;
  constexpr auto prod = [] {
    if constexpr (sizeof(T) == 4) {
      return TypeKernels::Combine{combine<U, ProdOp>};
    } else {
      return TypeKernels::Combine{multiply<U>};
    }
  }();
  constexpr auto max = combine<T, MaxOp>;
  constexpr auto min = combine<T, MinOp>;
  return {copy<T>,
          copy<T>,
          {sum, prod, max, min, sum},
          {combine_same<sum>, combine_same<prod>, combine_same<max>, combine_same<min>, combine_same<sum>},
          divide_integers<T>};
}

template <typename T>
constexpr TypeKernels wide_float() {
  constexpr auto sum = combine<T, SumOp>;
  constexpr auto prod = combine<T, ProdOp>;
  constexpr auto max = combine<T, MaxOp>;
  constexpr auto min = combine<T, MinOp>;
  return {copy<T>,
          copy_canonical<T>,
          {sum, prod, max, min, sum},
          {combine_same<sum>, combine_same<prod>, combine_same<max>, combine_same<min>, combine_same<sum>},
          divide_floats<T>};
}

template <class Format>
constexpr TypeKernels small_float() {
  TypeKernels row = wide_float<float>();  // accumulators are float32
  row.load = get_array<Format>;
  row.store = put_array<Format>;
  row.combine_native[collSum] = row.combine_native[collAvg] = combine_array<Format, SumOp>;
  row.combine_native[collProd] = combine_array<Format, ProdOp>;
  row.combine_native[collMax] = combine_array<Format, MaxOp>;
  row.combine_native[collMin] = combine_array<Format, MinOp>;
  return row;
}

// In the order of collDataType_t.
constexpr Kernels kTable = {{integer<int8_t>(), integer<uint8_t>(), integer<int32_t>(), integer<uint32_t>(),
                             integer<int64_t>(), integer<uint64_t>(), small_float<Fp16Format>(), wide_float<float>(),
                             wide_float<double>(), small_float<Bf16Format>(), small_float<E4m3Format>(),
                             small_float<E5m2Format>()}};

}  // namespace coll::reduce::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace coll::reduce {

const Kernels& kernels(Isa isa) { return COLL_SIMD_TABLE(isa); }

}  // namespace coll::reduce
#endif
