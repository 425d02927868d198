// Codec `fp16` on the host, compiled once per instruction set.
#include "compression/cast/cast_codec.hpp"
#include "compression/fp16/layout.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compression/fp16/host.cpp"
#include "base/simd_targets.hpp"
// After simd_targets.hpp.
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include "compression/cast/kernels-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::fp16_codec::HWY_NAMESPACE {

constexpr CastKernels kTable =
    cast::HWY_NAMESPACE::cast_kernels<simd::HWY_NAMESPACE::Fp16Format, cast::HWY_NAMESPACE::RandomSmall<Fp16>>();

}  // namespace coll::fp16_codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace coll::fp16_codec {

Status make(std::span<const SpecKey> keys, Isa isa, std::unique_ptr<Codec>* codec) {
  return CastCodec::make("fp16", kFormat, keys, COLL_SIMD_TABLE(isa), codec);
}

}  // namespace coll::fp16_codec
#endif
