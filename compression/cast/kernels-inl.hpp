// The kernels of a cast codec from a float format, compiled once per instruction set.
#if defined(COMPRESSION_CAST_KERNELS_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef COMPRESSION_CAST_KERNELS_INL_HPP_
#undef COMPRESSION_CAST_KERNELS_INL_HPP_
#else
#define COMPRESSION_CAST_KERNELS_INL_HPP_
#endif

#include "base/simd_float-inl.hpp"
#include "compression/cast/cast_codec.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::cast::HWY_NAMESPACE {
using namespace coll::simd::HWY_NAMESPACE;

template <class Format, class Op>
struct ReduceStep {
  std::span<const std::byte* const> messages;
  size_t begin;
  const std::byte* first;
  std::byte* floats;
  template <class D>
  HWY_INLINE void operator()(D d, size_t i) const {
    const size_t at = (begin + i) * Format::kBytes;
    size_t j = first == nullptr ? 1 : 0;
    auto value = first == nullptr ? Format::get(d, messages[0] + at) : load(d, first + i * sizeof(float));
    for (; j < messages.size(); ++j) value = Op::merge(d, value, Format::get(d, messages[j] + at));
    store(d, canonical(d, value), floats + i * sizeof(float));
  }
};

template <class Format, class Op>
void reduce_messages(std::span<const std::byte* const> messages, size_t begin, const void* first, void* floats,
                     size_t count) {
  each_vector<float>(count, ReduceStep<Format, Op>{messages, begin, static_cast<const std::byte*>(first),
                                                   static_cast<std::byte*>(floats)});
}

template <class Format>
constexpr CastKernels cast_kernels() {
  return {put_array<Format>,
          get_array<Format>,
          {reduce_messages<Format, SumOp>, reduce_messages<Format, ProdOp>, reduce_messages<Format, MaxOp>,
           reduce_messages<Format, MinOp>, reduce_messages<Format, SumOp>}};
}

}  // namespace coll::cast::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
