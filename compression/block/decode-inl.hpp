// Decoding and reducing of blocks over a packing, compiled once per instruction set.
//
// `Lanes`, the packing's SIMD side, has
//   kUnit                                numbers are in units of the scale times this
//   numbers(tag, codes, run, i, out)     out[r] = the vector of numbers from i on of run r
//   special(codes, m)                    whether one of m codes stands for no finite number
#if defined(COMPRESSION_BLOCK_DECODE_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef COMPRESSION_BLOCK_DECODE_INL_HPP_
#undef COMPRESSION_BLOCK_DECODE_INL_HPP_
#else
#define COMPRESSION_BLOCK_DECODE_INL_HPP_
#endif

#include "base/simd_float-inl.hpp"
#include "compression/block/block_codec.hpp"
#include "compression/block/layout.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::block::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace coll::simd::HWY_NAMESPACE;

// One block of several messages, and the elements they are added to.
struct BlockParts {
  size_t messages;
  const std::byte* first;  // NULL: the messages alone
  std::byte* out;
  const std::byte* codes[kMostMessages];
  float scales[kMostMessages];
};

// What is known of a chain when it is compiled: loops over one or two messages are shorter than those over any number.
template <size_t kMessages, bool kFirst>
struct Shape {
  static HWY_INLINE size_t messages(const BlockParts&) { return kMessages; }
  static HWY_INLINE bool has_first(const BlockParts&) { return kFirst; }
};
struct AnyShape {
  static HWY_INLINE size_t messages(const BlockParts& parts) { return parts.messages; }
  static HWY_INLINE bool has_first(const BlockParts& parts) { return parts.first != nullptr; }
};

// The end of a chain. Products of plain blocks are finite, so that a chain needs to be made canonical only where it has
// a start of its own, or is long enough for infinities to meet.
template <class Chain, class D>
HWY_INLINE hn::Vec<D> chain_end(D d, const BlockParts& parts, hn::Vec<D> value) {
  return Chain::has_first(parts) || Chain::messages(parts) > 2 ? canonical(d, value) : value;
}

// Products of plain blocks are exact, so that adding one may be fused with it.
template <class Op, class D>
HWY_INLINE hn::Vec<D> merge_product(D d, hn::Vec<D> value, hn::Vec<D> number, hn::Vec<D> scale) {
  if constexpr (std::is_same_v<Op, SumOp>) return hn::MulAdd(number, scale, value);
  return Op::merge(d, value, hn::Mul(number, scale));
}

// Vectors of columns [i, i + kSteps vectors) of each run: so many chains hide each other's latency.
template <class Packing, class Lanes, class Op, class Chain, size_t kSteps, class D>
HWY_INLINE void decode_at(D d, const BlockParts& parts, size_t run, size_t i) {
  constexpr size_t kRuns = Packing::kRuns;
  const size_t lanes = hn::Lanes(d);
  const auto offset = [=](size_t s, size_t r) HWY_ATTR { return (i + s * lanes + r * run) * sizeof(float); };
  hn::Vec<D> v[kSteps][kRuns];
  size_t j = 0;
  if (Chain::has_first(parts)) {
    for (size_t s = 0; s < kSteps; ++s) {
      for (size_t r = 0; r < kRuns; ++r) v[s][r] = load(d, parts.first + offset(s, r));
    }
  } else {
    const auto scale = hn::Set(d, parts.scales[j]);
    for (size_t s = 0; s < kSteps; ++s) {
      Lanes::numbers(d, parts.codes[j], run, i + s * lanes, v[s]);
      for (size_t r = 0; r < kRuns; ++r) v[s][r] = hn::Mul(v[s][r], scale);
    }
    ++j;
  }
  for (; j < Chain::messages(parts); ++j) {
    const auto scale = hn::Set(d, parts.scales[j]);
    for (size_t s = 0; s < kSteps; ++s) {
      hn::Vec<D> more[kRuns];
      Lanes::numbers(d, parts.codes[j], run, i + s * lanes, more);
      for (size_t r = 0; r < kRuns; ++r) v[s][r] = merge_product<Op>(d, v[s][r], more[r], scale);
    }
  }
  for (size_t s = 0; s < kSteps; ++s) {
    for (size_t r = 0; r < kRuns; ++r) store(d, chain_end<Chain>(d, parts, v[s][r]), parts.out + offset(s, r));
  }
}

// Element by element, for what fills no vector and for blocks that need a look at each product.
template <class Packing, class Op, class Chain>
HWY_INLINE void decode_one(const BlockParts& parts, const uint16_t* scales, size_t m, size_t i) {
  const hn::CappedTag<float, 1> d;
  const auto value = [&](size_t j) HWY_ATTR {
    const int32_t code = Packing::code(reinterpret_cast<const uint8_t*>(parts.codes[j]), m, i);
    return hn::Set(d, dequantise<typename Packing::Number>(code, scales[j]));
  };
  auto v = value(0);
  if (Chain::has_first(parts)) v = Op::merge(d, load(d, parts.first + i * sizeof(float)), v);
  for (size_t j = 1; j < Chain::messages(parts); ++j) v = Op::merge(d, v, value(j));
  store(d, canonical(d, v), parts.out + i * sizeof(float));
}

// What is left of a block where its runs fill no vector.
template <class Packing, class Op, class Chain>
HWY_NOINLINE void decode_columns(const BlockParts& parts, const uint16_t* scales, size_t m, size_t begin, size_t run) {
  for (size_t row = 0; row < m; row += run) {
    for (size_t i = begin; i < run && row + i < m; ++i) decode_one<Packing, Op, Chain>(parts, scales, m, row + i);
  }
}

template <class Packing, class Lanes, class Op, class Chain>
HWY_INLINE void decode_block(const BlockParts& parts, const uint16_t* scales, size_t m) {
  constexpr size_t kRuns = Packing::kRuns, kSteps = 4 / kRuns;
  const hn::ScalableTag<float> whole;
  const hn::CappedTag<float, 4> few;
  const size_t run = m / kRuns + (m % kRuns != 0), others = (kRuns - 1) * run, lanes = hn::Lanes(whole);
  const size_t full = m > others ? m - others : 0;  // elements of the last run
  size_t i = 0;
  for (; i + kSteps * lanes <= full; i += kSteps * lanes) {
    decode_at<Packing, Lanes, Op, Chain, kSteps>(whole, parts, run, i);
  }
  for (; i + hn::Lanes(few) <= full; i += hn::Lanes(few)) decode_at<Packing, Lanes, Op, Chain, 1>(few, parts, run, i);
  if (i < run) decode_columns<Packing, Op, Chain>(parts, scales, m, i, run);
}

template <class Packing, class Op, class Chain>
HWY_NOINLINE void decode_odd_block(const BlockParts& parts, const uint16_t* scales, size_t m) {
  for (size_t i = 0; i < m; ++i) decode_one<Packing, Op, Chain>(parts, scales, m, i);
}

// Whether all products are finite and exact.
template <class Packing, class Lanes>
HWY_INLINE bool plain_block(uint16_t scale, const std::byte* codes, size_t m) {
  return plain_scale<typename Packing::Number>(scale) && scale >= kMinScale32 >> 16 && !Lanes::special(codes, m);
}

// Outputs that do not stay in the L1 cache are fetched a block ahead: stores to farther caches wait for their lines.
inline constexpr size_t kNearElements = 8192;

HWY_INLINE void fetch_output(const std::byte* out, size_t m) {
  constexpr size_t kLine = 64;
  for (size_t i = 0; i < m * sizeof(float); i += kLine) __builtin_prefetch(out + i, 1);
}

template <class Packing, class Lanes, class Op, class Chain>
HWY_NOINLINE void decode_chain(const BlockSource* messages, BlockParts parts, size_t count, size_t block) {
  for (size_t begin = 0, at = 0; begin < count; begin += block, ++at) {
    const size_t m = count - begin < block ? count - begin : block;
    uint16_t scales[kMostMessages];
    bool plain = true;
    for (size_t j = 0; j < Chain::messages(parts); ++j) {
      std::memcpy(&scales[j], messages[j].scales + at * sizeof scales[j], sizeof scales[j]);
      parts.scales[j] = scale_value(scales[j]) * Lanes::kUnit;
      parts.codes[j] = messages[j].codes + code_bytes(begin, Packing::Number::kBits);
      plain = plain && plain_block<Packing, Lanes>(scales[j], parts.codes[j], m);
    }
    if (count > kNearElements && count - begin > 2 * m) fetch_output(parts.out + m * sizeof(float), m);
    if (plain && m == BlockCodec::kDefaultBlock) {  // of constant length: without loops
      decode_block<Packing, Lanes, Op, Chain>(parts, scales, BlockCodec::kDefaultBlock);
    } else if (plain) {
      decode_block<Packing, Lanes, Op, Chain>(parts, scales, m);
    } else {
      decode_odd_block<Packing, Op, Chain>(parts, scales, m);
    }
    parts.out += m * sizeof(float);
    if (Chain::has_first(parts)) parts.first += m * sizeof(float);
  }
}

template <class Packing, class Lanes, class Op>
void decode_blocks(const BlockSource* messages, size_t message_count, const void* first, size_t count, size_t block,
                   void* floats) {
  BlockParts parts;
  parts.messages = message_count;
  parts.first = static_cast<const std::byte*>(first);
  parts.out = static_cast<std::byte*>(floats);
  if (first == nullptr && message_count == 1) {
    decode_chain<Packing, Lanes, Op, Shape<1, false>>(messages, parts, count, block);
  } else if (first == nullptr && message_count == 2) {
    decode_chain<Packing, Lanes, Op, Shape<2, false>>(messages, parts, count, block);
  } else if (first != nullptr && message_count == 1) {
    decode_chain<Packing, Lanes, Op, Shape<1, true>>(messages, parts, count, block);
  } else {
    decode_chain<Packing, Lanes, Op, AnyShape>(messages, parts, count, block);
  }
}

}  // namespace coll::block::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
