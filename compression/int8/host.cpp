// Codec `int8` on the host, compiled once per instruction set.
#include "compression/block/block_codec.hpp"
#include "compression/int8/layout.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compression/int8/host.cpp"
#include "base/simd_targets.hpp"
// After simd_targets.hpp.
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include "compression/block/bytes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::int8_codec::HWY_NAMESPACE {

constexpr BlockKernels kTable =
    block::HWY_NAMESPACE::block_kernels<Packing, block::HWY_NAMESPACE::ByteLanes<Packing::Number>>();

}  // namespace coll::int8_codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace coll::int8_codec {

Status make(std::span<const SpecKey> keys, Isa isa, std::unique_ptr<Codec>* codec) {
  return BlockCodec::make("int8", format_of<Packing::Number>(), keys, COLL_SIMD_TABLE(isa), codec);
}

}  // namespace coll::int8_codec
#endif
