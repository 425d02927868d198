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

struct PackingLanes {
#if HWY_TARGET != HWY_SCALAR
  template <class D>
  static HWY_INLINE void encode4(D d, const std::byte* floats, size_t half, float inverse, std::byte* codes, size_t i) {
    encode_run(d, floats, inverse, codes, i);
    encode_run(d, floats, inverse, codes, i + half);
  }
  template <class D>
  static HWY_INLINE void encode_run(D d, const std::byte* floats, float inverse, std::byte* codes, size_t i) {
    const hn::Repartition<int8_t, D> d8;
    const size_t step = hn::Lanes(d) * sizeof(float);
    const auto factor = hn::Set(d, inverse);
    const std::byte* const from = floats + i * sizeof(float);
    const auto q0 = nearest(hn::Mul(load(d, from), factor)), q1 = nearest(hn::Mul(load(d, from + step), factor));
    const auto q2 = nearest(hn::Mul(load(d, from + 2 * step), factor));
    const auto q3 = nearest(hn::Mul(load(d, from + 3 * step), factor));
    store(d8, narrow(q0, q1, q2, q3), codes + i);
  }
#endif
  template <class D>
  static HWY_INLINE void encode(D d, const std::byte* floats, size_t half, float inverse, std::byte* codes, size_t i) {
    encode_vector(d, floats, inverse, codes, i);
    encode_vector(d, floats, inverse, codes, i + half);
  }
  template <class D>
  static HWY_INLINE void encode_vector(D d, const std::byte* floats, float inverse, std::byte* codes, size_t i) {
    const hn::Rebind<uint8_t, D> d8;
    store(d8, hn::TruncateTo(d8, quantised(d, floats + i * sizeof(float), inverse)), codes + i);
  }
  static HWY_INLINE void encode_middle(const std::byte* floats, size_t half, float inverse, std::byte* codes) {
    encode_vector(hn::CappedTag<float, 1>(), floats, inverse, codes, half - 1);
  }

  template <class D>
  struct Decoder {
    hn::Vec<D> scale;
    HWY_INLINE Decoder(D d, float scale_value) : scale(hn::Set(d, scale_value)) {}
    HWY_INLINE Pair<D> get(D d, const std::byte* codes, size_t half, size_t i) const {
      return {vector(d, codes + i), vector(d, codes + half + i)};
    }
    HWY_INLINE hn::Vec<D> vector(D d, const std::byte* codes) const {
      const auto code = hn::PromoteTo(hn::RebindToSigned<D>(), load(hn::Rebind<int8_t, D>(), codes));
      return hn::Mul(hn::ConvertTo(d, code), scale);
    }
  };
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
