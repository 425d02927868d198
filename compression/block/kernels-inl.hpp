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
  auto even = hn::Zero(d), odd = hn::Zero(d);
  size_t i = 0;
  for (; i + 2 * lanes <= m; i += 2 * lanes) {
    even = hn::Max(even, hn::And(mask, load(d, floats + i * sizeof(float))));
    odd = hn::Max(odd, hn::And(mask, load(d, floats + (i + lanes) * sizeof(float))));
  }
  if (i < m) {
    int32_t rest = 0;
    for (; i < m; ++i) {
      int32_t bits;
      std::memcpy(&bits, floats + i * sizeof bits, sizeof bits);
      bits &= static_cast<int32_t>(kAbsMask32);
      rest = bits > rest ? bits : rest;
    }
    even = hn::Max(even, hn::Set(d, rest));
  }
  return hn::Max(even, odd);
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

template <class Packing, class Lanes>
void encode_blocks(const void* floats, size_t count, size_t block, std::byte* scales, std::byte* codes) {
  const std::byte* in = static_cast<const std::byte*>(floats);
  const size_t most = kGroupElements / block < 1 ? 1 : kGroupElements / block;
  const size_t stride = (most < kGroupBlocks ? most : kGroupBlocks) * block;
  Group group;
  while (count != 0) {
    const size_t elements = count < stride ? count : stride;
    const size_t blocks = block_count(elements, block);
    find_scales<Packing::kBits>(in, elements, block, &group);
    std::memcpy(scales, group.scale, blocks * sizeof group.scale[0]);
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
    scales += blocks * sizeof group.scale[0];
    count -= elements;
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

// A chain's first value, the rest of the chain, and its end. Decoded products of plain scales are finite, so that a
// chain needs to be made canonical only where it has a start of its own, or is long enough for infinities to meet.
template <class Op, class D>
HWY_INLINE hn::Vec<D> chain_end(D d, const BlockParts& parts, hn::Vec<D> value) {
  return parts.first != nullptr || parts.messages > 2 ? canonical(d, value) : value;
}

template <class Lanes, class Op, class D>
HWY_INLINE void decode_at(D d, const BlockParts& parts, size_t half, size_t i) {
  using Decoder = typename Lanes::template Decoder<D>;
  const size_t low = i * sizeof(float), high = (i + half) * sizeof(float);
  Pair<D> v = Decoder(d, parts.scales[0]).get(d, parts.codes[0], half, i);
  if (parts.first != nullptr) {
    v.low = Op::merge(d, load(d, parts.first + low), v.low);
    v.high = Op::merge(d, load(d, parts.first + high), v.high);
  }
  for (size_t j = 1; j < parts.messages; ++j) {
    const Pair<D> more = Decoder(d, parts.scales[j]).get(d, parts.codes[j], half, i);
    v.low = Op::merge(d, v.low, more.low);
    v.high = Op::merge(d, v.high, more.high);
  }
  store(d, chain_end<Op>(d, parts, v.low), parts.out + low);
  store(d, chain_end<Op>(d, parts, v.high), parts.out + high);
}

// The same for vectors i and i + lanes: four chains hide each other's latency.
template <class Lanes, class Op, class D>
HWY_INLINE void decode_two_at(D d, const BlockParts& parts, size_t half, size_t i) {
  using Decoder = typename Lanes::template Decoder<D>;
  const size_t lanes = hn::Lanes(d), step = lanes * sizeof(float);
  const size_t low = i * sizeof(float), high = (i + half) * sizeof(float);
  const Decoder decoder(d, parts.scales[0]);
  Pair<D> v = decoder.get(d, parts.codes[0], half, i), w = decoder.get(d, parts.codes[0], half, i + lanes);
  if (parts.first != nullptr) {
    v.low = Op::merge(d, load(d, parts.first + low), v.low);
    w.low = Op::merge(d, load(d, parts.first + low + step), w.low);
    v.high = Op::merge(d, load(d, parts.first + high), v.high);
    w.high = Op::merge(d, load(d, parts.first + high + step), w.high);
  }
  for (size_t j = 1; j < parts.messages; ++j) {
    const Decoder next(d, parts.scales[j]);
    const Pair<D> x = next.get(d, parts.codes[j], half, i), y = next.get(d, parts.codes[j], half, i + lanes);
    v.low = Op::merge(d, v.low, x.low);
    w.low = Op::merge(d, w.low, y.low);
    v.high = Op::merge(d, v.high, x.high);
    w.high = Op::merge(d, w.high, y.high);
  }
  store(d, chain_end<Op>(d, parts, v.low), parts.out + low);
  store(d, chain_end<Op>(d, parts, w.low), parts.out + low + step);
  store(d, chain_end<Op>(d, parts, v.high), parts.out + high);
  store(d, chain_end<Op>(d, parts, w.high), parts.out + high + step);
}

// Element by element, for odd blocks' middles and for scales that need a look at each product.
template <class Packing, class Op>
HWY_INLINE void decode_one(const BlockParts& parts, const uint16_t* scales, size_t m, size_t i) {
  const hn::CappedTag<float, 1> d;
  const auto value = [&](size_t j) HWY_ATTR {
    const int32_t code = Packing::code(reinterpret_cast<const uint8_t*>(parts.codes[j]), m, i);
    return hn::Set(d, dequantise(code, scales[j]));
  };
  auto v = value(0);
  if (parts.first != nullptr) v = Op::merge(d, load(d, parts.first + i * sizeof(float)), v);
  for (size_t j = 1; j < parts.messages; ++j) v = Op::merge(d, v, value(j));
  store(d, canonical(d, v), parts.out + i * sizeof(float));
}

template <class Packing, class Lanes, class Op>
HWY_INLINE void decode_block(const BlockParts& parts, const uint16_t* scales, size_t m) {
  const hn::ScalableTag<float> whole;
  const hn::CappedTag<float, 1> single;
  const size_t half = m / 2 + m % 2, paired = m / 2, lanes = hn::Lanes(whole);
  size_t i = 0;
  for (; i + 2 * lanes <= paired; i += 2 * lanes) decode_two_at<Lanes, Op>(whole, parts, half, i);
  for (; i + lanes <= paired; i += lanes) decode_at<Lanes, Op>(whole, parts, half, i);
  for (; i < paired; ++i) decode_at<Lanes, Op>(single, parts, half, i);
  if (m % 2 != 0) decode_one<Packing, Op>(parts, scales, m, half - 1);
}

template <class Packing, class Op>
HWY_NOINLINE void decode_odd_block(const BlockParts& parts, const uint16_t* scales, size_t m) {
  for (size_t i = 0; i < m; ++i) decode_one<Packing, Op>(parts, scales, m, i);
}

// One message is the common case, and its loops are shorter without the others' parts.
template <class Packing, class Lanes, class Op, bool kAlone>
HWY_INLINE void decode_messages(const BlockSource* messages, size_t message_count, const void* first, size_t count,
                                size_t block, void* floats) {
  BlockParts parts;
  parts.messages = kAlone ? 1 : message_count;
  parts.first = kAlone ? nullptr : static_cast<const std::byte*>(first);
  parts.out = static_cast<std::byte*>(floats);
  for (size_t begin = 0, at = 0; begin < count; begin += block, ++at) {
    const size_t m = count - begin < block ? count - begin : block;
    uint16_t scales[kMostMessages];
    bool plain = true;
    for (size_t j = 0; j < parts.messages; ++j) {
      std::memcpy(&scales[j], messages[j].scales + at * sizeof scales[j], sizeof scales[j]);
      plain = plain && plain_scale<Packing::kBits>(scales[j]);
      parts.scales[j] = scale_value(scales[j]);
      parts.codes[j] = messages[j].codes + code_bytes(begin, Packing::kBits);
    }
    if (plain) {
      decode_block<Packing, Lanes, Op>(parts, scales, m);
    } else {
      decode_odd_block<Packing, Op>(parts, scales, m);
    }
    parts.out += m * sizeof(float);
    if (parts.first != nullptr) parts.first += m * sizeof(float);
  }
}

template <class Packing, class Lanes, class Op>
void decode_blocks(const BlockSource* messages, size_t message_count, const void* first, size_t count, size_t block,
                   void* floats) {
  if (message_count == 1 && first == nullptr) {
    decode_messages<Packing, Lanes, Op, true>(messages, 1, nullptr, count, block, floats);
  } else {
    decode_messages<Packing, Lanes, Op, false>(messages, message_count, first, count, block, floats);
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
