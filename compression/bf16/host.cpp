// Codec `bf16` on the host, compiled once per instruction set.
#include "compression/bf16/layout.hpp"
#include "compression/cast/cast_codec.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compression/bf16/host.cpp"
#include "base/simd_targets.hpp"
// After simd_targets.hpp.
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include "compression/cast/kernels-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::bf16_codec::HWY_NAMESPACE {

constexpr CastKernels kTable =
    cast::HWY_NAMESPACE::cast_kernels<simd::HWY_NAMESPACE::Bf16Format, cast::HWY_NAMESPACE::RandomBf16>();

}  // namespace coll::bf16_codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace coll::bf16_codec {

Status make(std::span<const SpecKey> keys, Isa isa, std::unique_ptr<Codec>* codec) {
  return CastCodec::make("bf16", kFormat, keys, COLL_SIMD_TABLE(isa), codec);
}

}  // namespace coll::bf16_codec
#endif
