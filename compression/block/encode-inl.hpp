// Encoding of blocks over a packing, compiled once per instruction set.
//
// `Lanes` is the packing's SIMD side; a `Rounding` (numbers-inl.hpp) makes codes of floats:
//   store_many(tag, rounding, floats, run, codes, i)   elements [i, i + kVectors vectors) of each run of `run` elements
//   store_one(tag, rounding, floats, run, codes, i)    the same of one vector
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
  constexpr size_t kVectors = Lanes::kVectors;
  for (; i + kVectors * lanes <= full; i += kVectors * lanes) Lanes::store_many(whole, rounding, floats, run, codes, i);
  for (; i + lanes <= full; i += lanes) Lanes::store_one(whole, rounding, floats, run, codes, i);
#endif
  for (; i + hn::Lanes(few) <= full; i += hn::Lanes(few)) Lanes::store_one(few, rounding, floats, run, codes, i);
  if (i < run) encode_columns<Packing>(rounding, floats, m, i, run, codes);
}

// Elements in a row that are a group's, and the length of its blocks.
struct Piece {
  const std::byte* floats;
  size_t elements;
  size_t block;

  HWY_INLINE size_t blocks() const { return block_count(elements, block); }
  HWY_INLINE const std::byte* at(size_t g) const { return floats + g * block * sizeof(float); }
  HWY_INLINE size_t length(size_t g) const { return elements - g * block < block ? elements - g * block : block; }
  HWY_INLINE Piece next(size_t left) const {
    return {floats + elements * sizeof(float), elements < left ? elements : left, block};
  }
};

// Block `g` of a group that begins at a source's first element.
template <class Packing, class Lanes, class Source>
HWY_INLINE void encode_block_of(const Source& source, const Piece& piece, const Group& group, size_t g,
                                std::byte* codes) {
  const size_t begin = g * piece.block, m = piece.length(g);
  const std::byte* const floats = piece.at(g);
  if (group.scales()[g] == kNanScale) {
    std::memset(codes, 0, code_bytes(m, Packing::Number::kBits));
  } else if (source.simple(begin, m) && m == BlockCodec::kDefaultBlock) {  // of constant length: without loops
    encode_block<Packing, Lanes>(source.rounding(group.inverse(g), begin), floats, BlockCodec::kDefaultBlock, codes);
  } else if (source.simple(begin, m)) {
    encode_block<Packing, Lanes>(source.rounding(group.inverse(g), begin), floats, m, codes);
  } else {
    encode_columns<Packing>(source.slow_rounding(group.inverse(g), begin), floats, m, 0,
                            m / Packing::kRuns + (m % Packing::kRuns != 0), codes);
  }
}

// For each block that is encoded one of the group after it is looked at: the way to the caches of the latter hides in
// the arithmetic of the former, and the long one from magnitudes to scales keeps nobody waiting.
template <class Packing, class Lanes, class Source>
HWY_INLINE void encode_from(Source source, const BlockInput& input, std::byte* scales, std::byte* codes) {
  using Number = typename Packing::Number;
  const size_t block = input.block, most = kGroupElements / block < 1 ? 1 : kGroupElements / block;
  const size_t stride = (most < kGroupBlocks ? most : kGroupBlocks) * block;
  size_t left = input.count;
  Piece piece{static_cast<const std::byte*>(input.floats), left < stride ? left : stride, block};
  Group groups[2];
  for (size_t g = 0; g < piece.blocks(); ++g) groups[0].look_at(g, piece.at(g), piece.length(g));
  groups[0].find_scales<Number>(piece.blocks());
  for (size_t turn = 0; left != 0; turn ^= 1) {
    left -= piece.elements;
    const Piece next = piece.next(left);
    const size_t blocks = piece.blocks(), next_blocks = next.blocks();
    std::memcpy(scales, groups[turn].scales(), blocks * sizeof(uint16_t));
    for (size_t g = 0; g < blocks; ++g) {
      if (g < next_blocks) groups[turn ^ 1].look_at(g, next.at(g), next.length(g));
      encode_block_of<Packing, Lanes>(source, piece, groups[turn], g, codes);
      codes += code_bytes(piece.length(g), Number::kBits);
    }
    groups[turn ^ 1].find_scales<Number>(next_blocks);
    scales += blocks * sizeof(uint16_t);
    source.advance(piece.elements);
    piece = next;
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
