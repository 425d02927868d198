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
  template <class D, class Rounding>
  static HWY_INLINE void store4(D d, const Rounding& rounding, const std::byte* floats, size_t run, std::byte* codes,
                                size_t i) {
    const hn::Repartition<uint8_t, D> d8;
    const hn::Repartition<uint16_t, D> d16;
    const auto low = narrow4(d, rounding, floats, i), high = narrow4(d, rounding, floats, i + run);
    const auto nibble = hn::Set(d8, 0x0f);
    const auto shifted = hn::BitCast(d8, hn::ShiftLeft<4>(hn::BitCast(d16, high)));
    store(d8, hn::Or(hn::And(nibble, hn::BitCast(d8, low)), hn::AndNot(nibble, shifted)), codes + i);
  }
#endif
  template <class D, class Rounding>
  static HWY_INLINE void store1(D d, const Rounding& rounding, const std::byte* floats, size_t run, std::byte* codes,
                                size_t i) {
    const hn::RebindToSigned<D> di;
    const hn::RebindToUnsigned<D> d32;
    const hn::Rebind<uint8_t, D> d8;
    const auto low = hn::And(rounding.lanes(d, floats, i), hn::Set(di, 15));
    const auto high = hn::ShiftLeft<4>(rounding.lanes(d, floats, i + run));
    store(d8, hn::TruncateTo(d8, hn::BitCast(d32, hn::Or(low, high))), codes + i);
  }

  template <class D>
  struct Decoder {
    hn::Vec<D> scale;
    HWY_INLINE Decoder(D d, float scale_value) : scale(hn::Set(d, scale_value)) {}
    HWY_INLINE void get(const std::byte* codes, size_t, size_t i, hn::Vec<D>* out) const {
      const auto both = hn::PromoteTo(hn::RebindToSigned<D>(), load(hn::Rebind<int8_t, D>(), codes + i));
      out[0] = vector(hn::ShiftRight<28>(hn::ShiftLeft<28>(both)));
      out[1] = vector(hn::ShiftRight<4>(both));
    }
    HWY_INLINE hn::Vec<D> vector(hn::Vec<hn::RebindToSigned<D>> code) const {
      return hn::Mul(hn::ConvertTo(D(), code), scale);
    }
  };
};

constexpr BlockKernels kTable = block::HWY_NAMESPACE::block_kernels<Packing, PackingLanes>();

}  // namespace coll::int4_codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace coll::int4_codec {

Status make(std::span<const SpecKey> keys, Isa isa, std::unique_ptr<Codec>* codec) {
  return BlockCodec::make("int4", format_of<Packing::Number>(), keys, COLL_SIMD_TABLE(isa), codec);
}

}  // namespace coll::int4_codec
#endif
