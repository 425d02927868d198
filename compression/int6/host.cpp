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
  static constexpr size_t kVectors = 2;  // more are not in a run of a block of the default length
  template <class D, class Rounding>
  static HWY_INLINE void store_many(D d, const Rounding& rounding, const std::byte* floats, size_t run,
                                    std::byte* codes, size_t i) {
    const hn::Half<hn::Repartition<int8_t, D>> d8;
    const auto last = rounding.pair(d, floats, i + 3 * run);
    const auto row = [&](size_t r, Shorts bits) HWY_ATTR {
      const auto own = rounding.pair(d, floats, i + r * run);
      return chosen(hn::Set(hn::Repartition<int16_t, D>(), 3), bits, hn::ShiftLeft<2>(own));
    };
    const auto first_two = narrow(row(0, last), row(1, hn::ShiftRight<2>(last)));
    const auto third = row(2, hn::ShiftRight<4>(last));
    store(d8, hn::LowerHalf(d8, first_two), codes + i);
    store(d8, hn::UpperHalf(d8, first_two), codes + run + i);
    store(d8, hn::LowerHalf(d8, narrow(third, third)), codes + 2 * run + i);
  }
#endif
  template <class D, class Rounding>
  static HWY_INLINE void store_one(D d, const Rounding& rounding, const std::byte* floats, size_t run, std::byte* codes,
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

  static constexpr float kUnit = 1;
  // The last run's codes are put together in bytes, where they then have their place like the others.
  template <class D>
  static HWY_INLINE void numbers(D d, const std::byte* codes, size_t run, size_t i, hn::Vec<D>* out) {
    const hn::Rebind<int8_t, D> d8;
    const auto a = load(d8, codes + i), b = load(d8, codes + run + i), c = load(d8, codes + 2 * run + i);
    const auto upper = chosen(hn::Set(d8, 0x30), up<4>(d8, b), up<6>(d8, c));
    out[0] = vector(d, a);
    out[1] = vector(d, b);
    out[2] = vector(d, c);
    out[3] = vector(d, chosen(hn::Set(d8, 0x0c), up<2>(d8, a), upper));
  }
  static HWY_INLINE bool special(const std::byte*, size_t) { return false; }

 private:
  // What crosses into the next byte comes below bit kBy.
  template <int kBy, class D8>
  static HWY_INLINE hn::Vec<D8> up(D8 d8, hn::Vec<D8> bytes) {
#if HWY_TARGET == HWY_SCALAR
    return hn::BitCast(d8, hn::ShiftLeft<kBy>(hn::BitCast(hn::RebindToUnsigned<D8>(), bytes)));
#else
    return hn::BitCast(d8, hn::ShiftLeft<kBy>(hn::BitCast(hn::Repartition<uint16_t, D8>(), bytes)));
#endif
  }
  template <class D>
  static HWY_INLINE hn::Vec<D> vector(D d, hn::Vec<hn::Rebind<int8_t, D>> bytes) {
    return hn::ConvertTo(d, hn::ShiftRight<2>(hn::PromoteTo(hn::RebindToSigned<D>(), bytes)));
  }
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
