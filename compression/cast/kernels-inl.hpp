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

template <class Format>
constexpr CastKernels cast_kernels() {
  return {put_array<Format>,
          get_array<Format>,
          {combine_array<Format, SumOp>, combine_array<Format, ProdOp>, combine_array<Format, MaxOp>,
           combine_array<Format, MinOp>, combine_array<Format, SumOp>}};
}

}  // namespace coll::cast::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
