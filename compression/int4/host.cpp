// Codec `int4` on the host, compiled once per instruction set.
#include "compression/block/block_codec.hpp"
#include "compression/int4/layout.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compression/int4/host.cpp"
#include "base/simd_targets.hpp"
// After simd_targets.hpp.
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include "compression/block/kernels-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::int4_codec::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace coll::block::HWY_NAMESPACE;
using namespace coll::simd::HWY_NAMESPACE;

// Elements i and i + half of the block; an odd block's middle element has no partner.
struct EncodeStep {
  const std::byte* floats;
  size_t half;
  float inverse_scale;
  std::byte* codes;
  template <class D>
  HWY_INLINE void operator()(D d, size_t i) const {
    const auto low = quantised(d, floats + i * sizeof(float), inverse_scale);
    const auto high = quantised(d, floats + (i + half) * sizeof(float), inverse_scale);
    put(d, low, high, i);
  }
  template <class D>
  HWY_INLINE void put(D, hn::Vec<hn::RebindToUnsigned<D>> low, hn::Vec<hn::RebindToUnsigned<D>> high, size_t i) const {
    const hn::RebindToUnsigned<D> d32;
    const hn::Rebind<uint8_t, D> d8;
    const auto packed = hn::Or(hn::And(low, hn::Set(d32, 15u)), hn::ShiftLeft<4>(high));
    store(d8, hn::TruncateTo(d8, packed), codes + i);
  }
};

template <class Emit>
struct DecodeStep {
  const std::byte* codes;
  size_t half;
  float scale;
  std::byte* floats;
  template <class D>
  HWY_INLINE void operator()(D d, size_t i) const {
    const auto both = hn::PromoteTo(hn::RebindToSigned<D>(), load(hn::Rebind<int8_t, D>(), codes + i));
    put(d, hn::ShiftRight<28>(hn::ShiftLeft<28>(both)), i);
    put(d, hn::ShiftRight<4>(both), i + half);
  }
  template <class D>
  HWY_INLINE void put(D d, hn::Vec<hn::RebindToSigned<D>> code, size_t i) const {
    Emit::put(d, hn::Mul(hn::ConvertTo(d, code), hn::Set(d, scale)), floats + i * sizeof(float));
  }
};

struct PackingLanes {
  static HWY_INLINE void encode(const std::byte* floats, size_t m, float inverse_scale, std::byte* codes) {
    const size_t half = (m + 1) / 2;
    const EncodeStep step{floats, half, inverse_scale, codes};
    each_vector<float>(m / 2, step);
    if (m % 2 != 0) {
      const hn::CappedTag<float, 1> d;
      const auto middle = quantised(d, floats + (half - 1) * sizeof(float), inverse_scale);
      step.put(d, middle, hn::Zero(hn::RebindToUnsigned<decltype(d)>()), half - 1);
    }
  }
  template <class Emit>
  static HWY_INLINE void decode(const std::byte* codes, size_t m, float scale, std::byte* floats) {
    const size_t half = (m + 1) / 2;
    const DecodeStep<Emit> step{codes, half, scale, floats};
    each_vector<float>(m / 2, step);
    if (m % 2 != 0) {
      const hn::CappedTag<float, 1> d;
      const int32_t middle = Packing::code(reinterpret_cast<const uint8_t*>(codes), m, half - 1);
      step.put(d, hn::Set(hn::RebindToSigned<decltype(d)>(), middle), half - 1);
    }
  }
};

constexpr BlockKernels kTable = block_kernels<Packing, PackingLanes>();

}  // namespace coll::int4_codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace coll::int4_codec {

Status make(std::span<const SpecKey> keys, Isa isa, std::unique_ptr<Codec>* codec) {
  size_t block;
  COLL_TRY(BlockCodec::read_block("int4", keys, &block));
  *codec = std::make_unique<BlockCodec>("int4", Packing::kBits, block, COLL_SIMD_TABLE(isa));
  return {};
}

}  // namespace coll::int4_codec
#endif
