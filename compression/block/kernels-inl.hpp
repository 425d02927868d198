// The kernels of block-scaled codes over a packing, compiled once per instruction set: encode-inl.hpp and
// decode-inl.hpp say what its SIMD side, `Lanes`, has.
#if defined(COMPRESSION_BLOCK_KERNELS_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef COMPRESSION_BLOCK_KERNELS_INL_HPP_
#undef COMPRESSION_BLOCK_KERNELS_INL_HPP_
#else
#define COMPRESSION_BLOCK_KERNELS_INL_HPP_
#endif

#include "compression/block/decode-inl.hpp"
#include "compression/block/encode-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::block::HWY_NAMESPACE {

template <class Packing, class Lanes>
constexpr BlockKernels block_kernels() {
  constexpr auto sum = decode_blocks<Packing, Lanes, SumOp>;
  return {encode_blocks<Packing, Lanes>,
          {sum, decode_blocks<Packing, Lanes, ProdOp>, decode_blocks<Packing, Lanes, MaxOp>,
           decode_blocks<Packing, Lanes, MinOp>, sum}};
}

}  // namespace coll::block::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
