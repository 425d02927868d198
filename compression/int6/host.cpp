// Codec `int6` on the host, compiled once per instruction set.
#include "compression/block/block_codec.hpp"
#include "compression/int6/layout.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compression/int6/host.cpp"
#include "base/simd_targets.hpp"
// After simd_targets.hpp.
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include "compression/block/kernels-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::int6_codec::HWY_NAMESPACE {
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
    const auto last = hn::BitCast(d16, narrow4(d, rounding, floats, i + 3 * run));
    const auto shared = hn::Set(d8, 3);
    const auto row = [&](size_t r, hn::Vec<decltype(d16)> bits) HWY_ATTR {
      const auto own = hn::ShiftLeft<2>(hn::BitCast(d16, narrow4(d, rounding, floats, i + r * run)));
      const auto both = hn::Or(hn::AndNot(shared, hn::BitCast(d8, own)), hn::And(shared, hn::BitCast(d8, bits)));
      store(d8, both, codes + r * run + i);
    };
    row(0, last);
    row(1, hn::ShiftRight<2>(last));
    row(2, hn::ShiftRight<4>(last));
  }
#endif
  template <class D, class Rounding>
  static HWY_INLINE void store1(D d, const Rounding& rounding, const std::byte* floats, size_t run, std::byte* codes,
                                size_t i) {
    const hn::RebindToSigned<D> di;
    const hn::RebindToUnsigned<D> d32;
    const hn::Rebind<uint8_t, D> d8;
    const auto last = rounding.lanes(d, floats, i + 3 * run);
    const auto row = [&](size_t r, hn::Vec<decltype(di)> bits) HWY_ATTR {
      const auto own = hn::ShiftLeft<2>(rounding.lanes(d, floats, i + r * run));
      const auto both = hn::Or(own, hn::And(bits, hn::Set(di, 3)));
      store(d8, hn::TruncateTo(d8, hn::BitCast(d32, both)), codes + r * run + i);
    };
    row(0, last);
    row(1, hn::ShiftRight<2>(last));
    row(2, hn::ShiftRight<4>(last));
  }

  template <class D>
  struct Decoder {
    hn::Vec<D> scale;
    HWY_INLINE Decoder(D d, float scale_value) : scale(hn::Set(d, scale_value)) {}
    // The last run's codes are put together in bytes, where they then have their place like the others.
    HWY_INLINE void get(const std::byte* codes, size_t run, size_t i, hn::Vec<D>* out) const {
      const hn::Rebind<int8_t, D> d8;
      const auto a = load(d8, codes + i), b = load(d8, codes + run + i), c = load(d8, codes + 2 * run + i);
      const auto shared = hn::Set(d8, 3);
      const auto low = up<2>(hn::And(a, shared)), middle = up<4>(hn::And(b, shared)), high = up<6>(hn::And(c, shared));
      out[0] = vector(a);
      out[1] = vector(b);
      out[2] = vector(c);
      out[3] = vector(hn::Or(low, hn::Or(middle, high)));
    }
    // Of bytes below 4: nothing crosses into the next.
    template <int kBy, class V>
    static HWY_INLINE V up(V bytes) {
      const hn::Rebind<int8_t, D> d8;
#if HWY_TARGET == HWY_SCALAR
      return hn::BitCast(d8, hn::ShiftLeft<kBy>(hn::BitCast(hn::RebindToUnsigned<decltype(d8)>(), bytes)));
#else
      return hn::BitCast(d8, hn::ShiftLeft<kBy>(hn::BitCast(hn::Repartition<uint16_t, decltype(d8)>(), bytes)));
#endif
    }
    HWY_INLINE hn::Vec<D> vector(hn::Vec<hn::Rebind<int8_t, D>> bytes) const {
      const auto code = hn::ShiftRight<2>(hn::PromoteTo(hn::RebindToSigned<D>(), bytes));
      return hn::Mul(hn::ConvertTo(D(), code), scale);
    }
  };
};

constexpr BlockKernels kTable = block::HWY_NAMESPACE::block_kernels<Packing, PackingLanes>();

}  // namespace coll::int6_codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace coll::int6_codec {

Status make(std::span<const SpecKey> keys, Isa isa, std::unique_ptr<Codec>* codec) {
  return BlockCodec::make("int6", format_of<Packing::Number>(), keys, COLL_SIMD_TABLE(isa), codec);
}

}  // namespace coll::int6_codec
#endif
