// The kernels of block-scaled integers over a packing, compiled once per instruction set.
//
// A block's elements are handled as two halves side by side, element i with element i + half, which is how int4 packs
// them. `Lanes` is the packing's SIMD side:
//   encode4(tag, floats, half, inverse, codes, i)   elements [i, i + 4 vectors) of both halves; not for one lane
//   encode(tag, floats, half, inverse, codes, i)    the same of one vector
//   encode_middle(floats, half, inverse, codes)     the last element of an odd block's first half
//   Decoder<D>(tag, scale).get(codes, half, i)      -> Pair of the vectors at i
//   middle(codes, half)                             the integer of an odd block's middle element
#if defined(COMPRESSION_BLOCK_KERNELS_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef COMPRESSION_BLOCK_KERNELS_INL_HPP_
#undef COMPRESSION_BLOCK_KERNELS_INL_HPP_
#else
#define COMPRESSION_BLOCK_KERNELS_INL_HPP_
#endif

#include "base/simd_float-inl.hpp"
#include "base/simd_narrow-inl.hpp"
#include "compression/block/block_codec.hpp"
#include "compression/block/layout.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::block::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace coll::simd::HWY_NAMESPACE;

// Vectors of element i and of element i + half.
template <class D>
struct Pair {
  hn::Vec<D> low, high;
};

// ---- Scales --------------------------------------------------------------------------------------------------------

// Lanes of quantise(): the integers are the low bits.
template <class D>
HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> quantised(D d, const std::byte* floats, float inverse_scale) {
  const hn::RebindToUnsigned<D> bits;
  const auto scaled = hn::Mul(load(d, floats), hn::Set(d, inverse_scale));
  return hn::BitCast(bits, hn::Add(scaled, hn::BitCast(d, hn::Set(bits, kRoundMagic))));
}

// Lanes of the largest magnitudes of floats[0..m), as bits; NaN is above infinity. The rest that fills no vector goes
// to the first lane.
template <class D>
HWY_INLINE hn::Vec<D> largest_magnitudes(D d, const std::byte* floats, size_t m) {
  const auto mask = hn::Set(d, static_cast<int32_t>(kAbsMask32));
  const size_t lanes = hn::Lanes(d);
  const auto at = [&](size_t element) HWY_ATTR { return hn::And(mask, load(d, floats + element * sizeof(float))); };
  auto first = hn::Zero(d), second = hn::Zero(d), third = hn::Zero(d), fourth = hn::Zero(d);
  size_t i = 0;
  for (; i + 4 * lanes <= m; i += 4 * lanes) {
    first = hn::Max(first, at(i));
    second = hn::Max(second, at(i + lanes));
    third = hn::Max(third, at(i + 2 * lanes));
    fourth = hn::Max(fourth, at(i + 3 * lanes));
  }
  for (; i + 2 * lanes <= m; i += 2 * lanes) {
    first = hn::Max(first, at(i));
    second = hn::Max(second, at(i + lanes));
  }
  if (i < m) {
    int32_t rest = 0;
    for (; i < m; ++i) {
      int32_t bits;
      std::memcpy(&bits, floats + i * sizeof bits, sizeof bits);
      bits &= static_cast<int32_t>(kAbsMask32);
      rest = bits > rest ? bits : rest;
    }
    first = hn::Max(first, hn::Set(d, rest));
  }
  return hn::Max(hn::Max(first, second), hn::Max(third, fourth));
}

// Blocks whose scales are found before the first is encoded, so that one block's latency hides in the others' work;
// few enough elements to stay in the L1 cache.
inline constexpr size_t kGroupBlocks = 16;
inline constexpr size_t kGroupElements = 2048;

struct Group {
  alignas(64) uint16_t scale[kGroupBlocks];
  alignas(64) float inverse[kGroupBlocks];
};

// Lane i of the result is the largest lane of the vector at vectors + i * lanes.
template <class D>
HWY_INLINE hn::Vec<D> largest_of_each(D d, int32_t* vectors) {
#if HWY_TARGET != HWY_SCALAR
  const size_t lanes = hn::Lanes(d);
  for (size_t left = lanes; left > 1; left /= 2) {
    for (size_t i = 0; i < left; i += 2) {
      const auto a = hn::Load(d, vectors + i * lanes), b = hn::Load(d, vectors + (i + 1) * lanes);
      hn::Store(hn::Max(hn::ConcatEven(d, b, a), hn::ConcatOdd(d, b, a)), d, vectors + i / 2 * lanes);
    }
  }
#endif
  return hn::Load(d, vectors);
}

// scale_of() and the scale's inverse, for a vector of blocks.
template <int kBits, class D>
HWY_INLINE void store_scales(D d, hn::Vec<D> largest, uint16_t* scales, float* inverses) {
  const hn::RebindToFloat<D> df;
  const hn::Rebind<uint16_t, D> d16;
  const hn::RebindToUnsigned<D> du;
  constexpr float kInverse = 1.0f / static_cast<float>(max_code(kBits));
  const auto hard = hn::Gt(largest, hn::Set(d, static_cast<int32_t>(kInf32 - 1)));
  auto bits = hn::BitCast(d, hn::Mul(hn::BitCast(df, largest), hn::Set(df, kInverse)));
  bits = hn::Max(bits, hn::Set(d, static_cast<int32_t>(kMinScale32)));
  auto scale = hn::ShiftRight<16>(hn::BitCast(du, hn::Add(bits, hn::Set(d, 0xffff))));
  scale = hn::IfThenElse(hn::RebindMask(du, hard), hn::Set(du, uint32_t{kNanScale}), scale);
  store(d16, hn::TruncateTo(d16, scale), scales);
  store(df, hn::Div(hn::Set(df, 1.0f), hn::BitCast(df, hn::ShiftLeft<16>(scale))), inverses);
}

// The scales of up to kGroupBlocks blocks.
template <int kBits>
HWY_INLINE void find_scales(const std::byte* floats, size_t elements, size_t block, Group* group) {
  const hn::CappedTag<int32_t, kGroupBlocks> d;
  constexpr size_t kMostLanes = hn::MaxLanes(d);
  const size_t lanes = hn::Lanes(d);
  alignas(64) int32_t vectors[kMostLanes * kMostLanes];
  for (size_t first = 0; first * block < elements; first += lanes) {
    for (size_t g = 0; g < lanes; ++g) {
      const size_t at = (first + g) * block;
      const size_t m = elements - at < block ? elements - at : block;
      const bool there = at < elements;
      store(d, there ? largest_magnitudes(d, floats + at * sizeof(float), m) : hn::Zero(d), vectors + g * lanes);
    }
    store_scales<kBits>(d, largest_of_each(d, vectors), group->scale + first, group->inverse + first);
  }
}

// ---- Encoding ------------------------------------------------------------------------------------------------------

template <class Lanes>
HWY_INLINE void encode_block(const std::byte* floats, size_t m, float inverse, std::byte* codes) {
  const hn::ScalableTag<float> whole;
  const hn::CappedTag<float, 1> single;
  const size_t half = m / 2 + m % 2, paired = m / 2, lanes = hn::Lanes(whole);
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  for (; i + 4 * lanes <= paired; i += 4 * lanes) Lanes::encode4(whole, floats, half, inverse, codes, i);
#endif
  for (; i + lanes <= paired; i += lanes) Lanes::encode(whole, floats, half, inverse, codes, i);
  for (; i < paired; ++i) Lanes::encode(single, floats, half, inverse, codes, i);
  if (m % 2 != 0) Lanes::encode_middle(floats, half, inverse, codes);
}

// Encodes the blocks of a group.
template <class Packing, class Lanes>
HWY_INLINE void encode_group(const std::byte* in, size_t elements, size_t block, const Group& group, std::byte* codes) {
  const size_t blocks = block_count(elements, block);
  for (size_t g = 0; g < blocks; ++g) {
    const size_t m = g + 1 < blocks ? block : elements - g * block;
    if (group.scale[g] == kNanScale) {
      std::memset(codes, 0, code_bytes(m, Packing::kBits));
    } else {
      encode_block<Lanes>(in, m, group.inverse[g], codes);
    }
    in += m * sizeof(float);
    codes += code_bytes(m, Packing::kBits);
  }
}

// A group's scales are found while the group before it is encoded: the long way from magnitudes to scales keeps nobody
// waiting.
template <class Packing, class Lanes>
void encode_blocks(const void* floats, size_t count, size_t block, std::byte* scales, std::byte* codes) {
  const std::byte* in = static_cast<const std::byte*>(floats);
  const size_t most = kGroupElements / block < 1 ? 1 : kGroupElements / block;
  const size_t stride = (most < kGroupBlocks ? most : kGroupBlocks) * block;
  Group groups[2];
  size_t elements = count < stride ? count : stride;
  if (count != 0) find_scales<Packing::kBits>(in, elements, block, &groups[0]);
  for (size_t turn = 0; count != 0; turn ^= 1) {
    const std::byte* const next = in + elements * sizeof(float);
    const size_t left = count - elements, then = left < stride ? left : stride;
    if (then != 0) find_scales<Packing::kBits>(next, then, block, &groups[turn ^ 1]);
    const size_t scale_bytes = block_count(elements, block) * sizeof groups[turn].scale[0];
    std::memcpy(scales, groups[turn].scale, scale_bytes);
    encode_group<Packing, Lanes>(in, elements, block, groups[turn], codes);
    scales += scale_bytes;
    codes += code_bytes(elements, Packing::kBits);
    in = next;
    count = left;
    elements = then;
  }
}

// ---- Decoding ------------------------------------------------------------------------------------------------------

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

// The end of a chain. Decoded products of plain scales are finite, so that a
// chain needs to be made canonical only where it has a start of its own, or is long enough for infinities to meet.
template <class Chain, class D>
HWY_INLINE hn::Vec<D> chain_end(D d, const BlockParts& parts, hn::Vec<D> value) {
  return Chain::has_first(parts) || Chain::messages(parts) > 2 ? canonical(d, value) : value;
}

template <class Lanes, class Op, class Chain, class D>
HWY_INLINE void decode_at(D d, const BlockParts& parts, size_t half, size_t i) {
  using Decoder = typename Lanes::template Decoder<D>;
  const size_t low = i * sizeof(float), high = (i + half) * sizeof(float);
  Pair<D> v = Decoder(d, parts.scales[0]).get(d, parts.codes[0], half, i);
  if (Chain::has_first(parts)) {
    v.low = Op::merge(d, load(d, parts.first + low), v.low);
    v.high = Op::merge(d, load(d, parts.first + high), v.high);
  }
  for (size_t j = 1; j < Chain::messages(parts); ++j) {
    const Pair<D> more = Decoder(d, parts.scales[j]).get(d, parts.codes[j], half, i);
    v.low = Op::merge(d, v.low, more.low);
    v.high = Op::merge(d, v.high, more.high);
  }
  store(d, chain_end<Chain>(d, parts, v.low), parts.out + low);
  store(d, chain_end<Chain>(d, parts, v.high), parts.out + high);
}

// The same for vectors i and i + lanes: four chains hide each other's latency.
template <class Lanes, class Op, class Chain, class D>
HWY_INLINE void decode_two_at(D d, const BlockParts& parts, size_t half, size_t i) {
  using Decoder = typename Lanes::template Decoder<D>;
  const size_t lanes = hn::Lanes(d), step = lanes * sizeof(float);
  const size_t low = i * sizeof(float), high = (i + half) * sizeof(float);
  const Decoder decoder(d, parts.scales[0]);
  Pair<D> v = decoder.get(d, parts.codes[0], half, i), w = decoder.get(d, parts.codes[0], half, i + lanes);
  if (Chain::has_first(parts)) {
    v.low = Op::merge(d, load(d, parts.first + low), v.low);
    w.low = Op::merge(d, load(d, parts.first + low + step), w.low);
    v.high = Op::merge(d, load(d, parts.first + high), v.high);
    w.high = Op::merge(d, load(d, parts.first + high + step), w.high);
  }
  for (size_t j = 1; j < Chain::messages(parts); ++j) {
    const Decoder next(d, parts.scales[j]);
    const Pair<D> x = next.get(d, parts.codes[j], half, i), y = next.get(d, parts.codes[j], half, i + lanes);
    v.low = Op::merge(d, v.low, x.low);
    w.low = Op::merge(d, w.low, y.low);
    v.high = Op::merge(d, v.high, x.high);
    w.high = Op::merge(d, w.high, y.high);
  }
  store(d, chain_end<Chain>(d, parts, v.low), parts.out + low);
  store(d, chain_end<Chain>(d, parts, w.low), parts.out + low + step);
  store(d, chain_end<Chain>(d, parts, v.high), parts.out + high);
  store(d, chain_end<Chain>(d, parts, w.high), parts.out + high + step);
}

// Element by element, for odd blocks' middles and for scales that need a look at each product.
template <class Packing, class Op, class Chain>
HWY_INLINE void decode_one(const BlockParts& parts, const uint16_t* scales, size_t m, size_t i) {
  const hn::CappedTag<float, 1> d;
  const auto value = [&](size_t j) HWY_ATTR {
    const int32_t code = Packing::code(reinterpret_cast<const uint8_t*>(parts.codes[j]), m, i);
    return hn::Set(d, dequantise(code, scales[j]));
  };
  auto v = value(0);
  if (Chain::has_first(parts)) v = Op::merge(d, load(d, parts.first + i * sizeof(float)), v);
  for (size_t j = 1; j < Chain::messages(parts); ++j) v = Op::merge(d, v, value(j));
  store(d, canonical(d, v), parts.out + i * sizeof(float));
}

template <class Packing, class Lanes, class Op, class Chain>
HWY_INLINE void decode_block(const BlockParts& parts, const uint16_t* scales, size_t m) {
  const hn::ScalableTag<float> whole;
  const hn::CappedTag<float, 1> single;
  const size_t half = m / 2 + m % 2, paired = m / 2, lanes = hn::Lanes(whole);
  size_t i = 0;
  for (; i + 2 * lanes <= paired; i += 2 * lanes) decode_two_at<Lanes, Op, Chain>(whole, parts, half, i);
  for (; i + lanes <= paired; i += lanes) decode_at<Lanes, Op, Chain>(whole, parts, half, i);
  for (; i < paired; ++i) decode_at<Lanes, Op, Chain>(single, parts, half, i);
  if (m % 2 != 0) decode_one<Packing, Op, Chain>(parts, scales, m, half - 1);
}

template <class Packing, class Op, class Chain>
HWY_NOINLINE void decode_odd_block(const BlockParts& parts, const uint16_t* scales, size_t m) {
  for (size_t i = 0; i < m; ++i) decode_one<Packing, Op, Chain>(parts, scales, m, i);
}

template <class Packing, class Lanes, class Op, class Chain>
HWY_NOINLINE void decode_chain(const BlockSource* messages, BlockParts parts, size_t count, size_t block) {
  for (size_t begin = 0, at = 0; begin < count; begin += block, ++at) {
    const size_t m = count - begin < block ? count - begin : block;
    uint16_t scales[kMostMessages];
    bool plain = true;
    for (size_t j = 0; j < Chain::messages(parts); ++j) {
      std::memcpy(&scales[j], messages[j].scales + at * sizeof scales[j], sizeof scales[j]);
      plain = plain && plain_scale<Packing::kBits>(scales[j]);
      parts.scales[j] = scale_value(scales[j]);
      parts.codes[j] = messages[j].codes + code_bytes(begin, Packing::kBits);
    }
    if (plain) {
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

template <class Packing, class Lanes>
constexpr BlockKernels block_kernels() {
  constexpr auto sum = decode_blocks<Packing, Lanes, SumOp>;
  return {encode_blocks<Packing, Lanes>,
          {sum, decode_blocks<Packing, Lanes, ProdOp>, decode_blocks<Packing, Lanes, MaxOp>,
           decode_blocks<Packing, Lanes, MinOp>, sum}};
}

}  // namespace coll::block::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
