// Codec `fp8e4m3` on the host, compiled once per instruction set.
#include "compression/block/block_codec.hpp"
#include "compression/fp8e4m3/layout.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compression/fp8e4m3/host.cpp"
#include "base/simd_targets.hpp"
// After simd_targets.hpp.
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include "compression/block/bytes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::fp8e4m3_codec::HWY_NAMESPACE {

constexpr BlockKernels kTable =
    block::HWY_NAMESPACE::block_kernels<Packing, block::HWY_NAMESPACE::ByteLanes<Packing::Number>>();

}  // namespace coll::fp8e4m3_codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace coll::fp8e4m3_codec {

Status make(std::span<const SpecKey> keys, Isa isa, std::unique_ptr<Codec>* codec) {
  return BlockCodec::make("fp8e4m3", format_of<Packing::Number>(), keys, COLL_SIMD_TABLE(isa), codec);
}

}  // namespace coll::fp8e4m3_codec
#endif
