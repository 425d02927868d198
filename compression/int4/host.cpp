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

struct PackingLanes {
#if HWY_TARGET != HWY_SCALAR
  template <class D>
  static HWY_INLINE void encode4(D d, const std::byte* floats, size_t half, float inverse, std::byte* codes, size_t i) {
    const hn::Repartition<uint8_t, D> d8;
    const hn::Repartition<uint16_t, D> d16;
    const auto low = run(d, floats + i * sizeof(float), inverse);
    const auto high = run(d, floats + (i + half) * sizeof(float), inverse);
    const auto nibble = hn::Set(d8, 0x0f);
    const auto shifted = hn::BitCast(d8, hn::ShiftLeft<4>(hn::BitCast(d16, high)));
    store(d8, hn::Or(hn::And(nibble, hn::BitCast(d8, low)), hn::AndNot(nibble, shifted)), codes + i);
  }
  // Four vectors of codes, as bytes.
  template <class D>
  static HWY_INLINE Bytes run(D d, const std::byte* from, float inverse) {
    const size_t step = hn::Lanes(d) * sizeof(float);
    const auto factor = hn::Set(d, inverse);
    const auto q0 = nearest(hn::Mul(load(d, from), factor)), q1 = nearest(hn::Mul(load(d, from + step), factor));
    const auto q2 = nearest(hn::Mul(load(d, from + 2 * step), factor));
    const auto q3 = nearest(hn::Mul(load(d, from + 3 * step), factor));
    return narrow(q0, q1, q2, q3);
  }
#endif
  template <class D>
  static HWY_INLINE void encode(D d, const std::byte* floats, size_t half, float inverse, std::byte* codes, size_t i) {
    const hn::RebindToUnsigned<D> d32;
    const hn::Rebind<uint8_t, D> d8;
    const auto low = hn::And(quantised(d, floats + i * sizeof(float), inverse), hn::Set(d32, 15u));
    const auto high = quantised(d, floats + (i + half) * sizeof(float), inverse);
    store(d8, hn::TruncateTo(d8, hn::Or(low, hn::ShiftLeft<4>(high))), codes + i);
  }
  // The middle element of an odd block has no partner.
  static HWY_INLINE void encode_middle(const std::byte* floats, size_t half, float inverse, std::byte* codes) {
    const hn::CappedTag<float, 1> d;
    const auto code = quantised(d, floats + (half - 1) * sizeof(float), inverse);
    codes[half - 1] = static_cast<std::byte>(hn::GetLane(code) & 15u);
  }

  template <class D>
  struct Decoder {
    hn::Vec<D> scale;
    HWY_INLINE Decoder(D d, float scale_value) : scale(hn::Set(d, scale_value)) {}
    HWY_INLINE Pair<D> get(D d, const std::byte* codes, size_t, size_t i) const {
      const auto both = hn::PromoteTo(hn::RebindToSigned<D>(), load(hn::Rebind<int8_t, D>(), codes + i));
      return {vector(d, hn::ShiftRight<28>(hn::ShiftLeft<28>(both))), vector(d, hn::ShiftRight<4>(both))};
    }
    HWY_INLINE hn::Vec<D> vector(D d, hn::Vec<hn::RebindToSigned<D>> code) const {
      return hn::Mul(hn::ConvertTo(d, code), scale);
    }
  };
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
