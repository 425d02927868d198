// Encoding of blocks over a packing, compiled once per instruction set.
//
// `Lanes` is the packing's SIMD side; a `Rounding` (numbers-inl.hpp) makes codes of floats:
//   store4(tag, rounding, floats, run, codes, i)   elements [i, i + 4 vectors) of each run of `run` elements
//   store1(tag, rounding, floats, run, codes, i)   the same of one vector
#if defined(COMPRESSION_BLOCK_ENCODE_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef COMPRESSION_BLOCK_ENCODE_INL_HPP_
#undef COMPRESSION_BLOCK_ENCODE_INL_HPP_
#else
#define COMPRESSION_BLOCK_ENCODE_INL_HPP_
#endif

#include "base/simd_float-inl.hpp"
#include "compression/block/block_codec.hpp"
#include "compression/block/layout.hpp"
#include "compression/block/numbers-inl.hpp"
#include "compression/block/scales-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::block::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace coll::simd::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR
// The codes of four vectors from element `i` on, as bytes.
template <class D, class Rounding>
HWY_INLINE Bytes narrow4(D d, const Rounding& rounding, const std::byte* floats, size_t i) {
  const size_t lanes = hn::Lanes(d);
  const auto a = rounding.lanes(d, floats, i), b = rounding.lanes(d, floats, i + lanes);
  const auto c = rounding.lanes(d, floats, i + 2 * lanes), e = rounding.lanes(d, floats, i + 3 * lanes);
  return narrow(a, b, c, e);
}
#endif

// What is left of a block where its runs fill no vector, byte by byte.
template <class Packing, class Rounding>
HWY_NOINLINE void encode_columns(const Rounding& rounding, const std::byte* floats, size_t m, size_t begin, size_t run,
                                 std::byte* codes) {
  const auto q = [&](size_t i) HWY_ATTR { return rounding.one(floats, i); };
  const size_t bytes = code_bytes(m, Packing::Number::kBits);
  for (size_t row = 0; row < bytes; row += run) {
    for (size_t i = begin; i < run && row + i < bytes; ++i) {
      codes[row + i] = static_cast<std::byte>(Packing::byte(q, m, row + i));
    }
  }
}

template <class Packing, class Lanes, class Rounding>
HWY_INLINE void encode_block(const Rounding& rounding, const std::byte* floats, size_t m, std::byte* codes) {
  constexpr size_t kRuns = Packing::kRuns;
  const hn::CappedTag<float, 4> few;
  const size_t run = m / kRuns + (m % kRuns != 0), others = (kRuns - 1) * run;
  const size_t full = m > others ? m - others : 0;  // elements of the last run
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::ScalableTag<float> whole;
  const size_t lanes = hn::Lanes(whole);
  for (; i + 4 * lanes <= full; i += 4 * lanes) Lanes::store4(whole, rounding, floats, run, codes, i);
  for (; i + lanes <= full; i += lanes) Lanes::store1(whole, rounding, floats, run, codes, i);
#endif
  for (; i + hn::Lanes(few) <= full; i += hn::Lanes(few)) Lanes::store1(few, rounding, floats, run, codes, i);
  if (i < run) encode_columns<Packing>(rounding, floats, m, i, run, codes);
}

// Encodes the blocks of a group.
template <class Packing, class Lanes, class Source>
HWY_INLINE void encode_group(const Source& source, const std::byte* in, size_t elements, size_t block,
                             const Group& group, std::byte* codes) {
  constexpr int kBits = Packing::Number::kBits;
  const size_t blocks = block_count(elements, block);
  for (size_t g = 0; g < blocks; ++g) {
    const size_t begin = g * block, m = g + 1 < blocks ? block : elements - begin;
    if (group.scale[g] == kNanScale) {
      std::memset(codes, 0, code_bytes(m, kBits));
    } else if (source.simple(begin, m)) {
      encode_block<Packing, Lanes>(source.rounding(group.inverse[g], begin), in, m, codes);
    } else {
      encode_columns<Packing>(source.slow_rounding(group.inverse[g], begin), in, m, 0,
                              m / Packing::kRuns + (m % Packing::kRuns != 0), codes);
    }
    in += m * sizeof(float);
    codes += code_bytes(m, kBits);
  }
}

// A group's scales are found while the group before it is encoded: the long way from magnitudes to scales keeps nobody
// waiting.
template <class Packing, class Lanes, class Source>
HWY_INLINE void encode_from(Source source, const BlockInput& input, std::byte* scales, std::byte* codes) {
  using Number = typename Packing::Number;
  const auto* in = static_cast<const std::byte*>(input.floats);
  const size_t block = input.block, most = kGroupElements / block < 1 ? 1 : kGroupElements / block;
  const size_t stride = (most < kGroupBlocks ? most : kGroupBlocks) * block;
  Group groups[2];
  size_t count = input.count, elements = count < stride ? count : stride;
  if (count != 0) find_scales<Number>(in, elements, block, &groups[0]);
  for (size_t turn = 0; count != 0; turn ^= 1) {
    const std::byte* const next = in + elements * sizeof(float);
    const size_t left = count - elements, then = left < stride ? left : stride;
    if (then != 0) find_scales<Number>(next, then, block, &groups[turn ^ 1]);
    const size_t scale_bytes = block_count(elements, block) * sizeof groups[turn].scale[0];
    std::memcpy(scales, groups[turn].scale, scale_bytes);
    encode_group<Packing, Lanes>(source, in, elements, block, groups[turn], codes);
    scales += scale_bytes;
    codes += code_bytes(elements, Number::kBits);
    source.advance(elements);
    in = next;
    count = left;
    elements = then;
  }
}

template <class Packing, class Lanes>
void encode_blocks(const BlockInput& input, std::byte* scales, std::byte* codes) {
  using Number = typename Packing::Number;
  if constexpr (Number::kRandom) {
    if (input.random != nullptr) {
      return encode_from<Packing, Lanes>(RandomSource<Number>{*input.random}, input, scales, codes);
    }
  }
  encode_from<Packing, Lanes>(NearestSource<Number>(), input, scales, codes);
}

}  // namespace coll::block::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
