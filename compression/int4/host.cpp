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
  static constexpr size_t kVectors = 4;
  template <class D, class Rounding>
  static HWY_INLINE void store_many(D d, const Rounding& rounding, const std::byte* floats, size_t run,
                                    std::byte* codes, size_t i) {
    const auto both = [&](size_t at) HWY_ATTR {
      const auto low = rounding.pair(d, floats, at), high = rounding.pair(d, floats, at + run);
      return chosen(hn::Set(hn::Repartition<int16_t, D>(), 15), low, hn::ShiftLeft<4>(high));
    };
    store(hn::Repartition<int8_t, D>(), narrow(both(i), both(i + 2 * hn::Lanes(d))), codes + i);
  }
#endif
  template <class D, class Rounding>
  static HWY_INLINE void store_one(D d, const Rounding& rounding, const std::byte* floats, size_t run, std::byte* codes,
                                   size_t i) {
    const hn::RebindToSigned<D> di;
    const hn::RebindToUnsigned<D> d32;
    const hn::Rebind<uint8_t, D> d8;
    const auto low = hn::And(rounding.lanes(d, floats, i), hn::Set(di, 15));
    const auto high = hn::ShiftLeft<4>(rounding.lanes(d, floats, i + run));
    store(d8, hn::TruncateTo(d8, hn::BitCast(d32, hn::Or(low, high))), codes + i);
  }

  static constexpr float kUnit = 1;
  template <class D>
  static HWY_INLINE void numbers(D d, const std::byte* codes, size_t, size_t i, hn::Vec<D>* out) {
    const auto both = hn::PromoteTo(hn::RebindToSigned<D>(), load(hn::Rebind<int8_t, D>(), codes + i));
    out[0] = hn::ConvertTo(d, hn::ShiftRight<28>(hn::ShiftLeft<28>(both)));
    out[1] = hn::ConvertTo(d, hn::ShiftRight<4>(both));
  }
  static HWY_INLINE bool special(const std::byte*, size_t) { return false; }
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
