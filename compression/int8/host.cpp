// Codec `int8` on the host, compiled once per instruction set.
#include "compression/block/block_codec.hpp"
#include "compression/int8/layout.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compression/int8/host.cpp"
#include "base/simd_targets.hpp"
// After simd_targets.hpp.
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include "compression/block/kernels-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::int8_codec::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace coll::block::HWY_NAMESPACE;
using namespace coll::simd::HWY_NAMESPACE;

struct EncodeStep {
  const std::byte* floats;
  float inverse_scale;
  std::byte* codes;
  template <class D>
  HWY_INLINE void operator()(D d, size_t i) const {
    const hn::Rebind<uint8_t, D> d8;
    store(d8, hn::TruncateTo(d8, quantised(d, floats + i * sizeof(float), inverse_scale)), codes + i);
  }
};

template <class Emit>
struct DecodeStep {
  const std::byte* codes;
  float scale;
  std::byte* floats;
  template <class D>
  HWY_INLINE void operator()(D d, size_t i) const {
    const auto code = hn::PromoteTo(hn::RebindToSigned<D>(), load(hn::Rebind<int8_t, D>(), codes + i));
    Emit::put(d, hn::Mul(hn::ConvertTo(d, code), hn::Set(d, scale)), floats + i * sizeof(float));
  }
};

struct PackingLanes {
  static HWY_INLINE void encode(const std::byte* floats, size_t m, float inverse_scale, std::byte* codes) {
    each_vector<float>(m, EncodeStep{floats, inverse_scale, codes});
  }
  template <class Emit>
  static HWY_INLINE void decode(const std::byte* codes, size_t m, float scale, std::byte* floats) {
    each_vector<float>(m, DecodeStep<Emit>{codes, scale, floats});
  }
};

constexpr BlockKernels kTable = block_kernels<Packing, PackingLanes>();

}  // namespace coll::int8_codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace coll::int8_codec {

Status make(std::span<const SpecKey> keys, Isa isa, std::unique_ptr<Codec>* codec) {
  size_t block;
  COLL_TRY(BlockCodec::read_block("int8", keys, &block));
  *codec = std::make_unique<BlockCodec>("int8", Packing::kBits, block, COLL_SIMD_TABLE(isa));
  return {};
}

}  // namespace coll::int8_codec
#endif
