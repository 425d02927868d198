// The kernels of block-scaled integers over a packing, compiled once per instruction set.
//
// `Lanes` is the packing's SIMD side, for any m up to a block:
//   encode(floats, m, inverse_scale, codes)         integers of floats[0..m), packed
//   decode<Emit>(codes, m, scale, floats)           Emit::put(tag, value, at) for each element
#if defined(COMPRESSION_BLOCK_KERNELS_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef COMPRESSION_BLOCK_KERNELS_INL_HPP_
#undef COMPRESSION_BLOCK_KERNELS_INL_HPP_
#else
#define COMPRESSION_BLOCK_KERNELS_INL_HPP_
#endif

#include "base/simd_float-inl.hpp"
#include "compression/block/block_codec.hpp"
#include "compression/block/layout.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::block::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace coll::simd::HWY_NAMESPACE;

struct StoreEmit {
  template <class D>
  static HWY_INLINE void put(D d, hn::Vec<D> value, std::byte* at) {
    store(d, value, at);
  }
};

template <class Op>
struct ReduceEmit {
  template <class D>
  static HWY_INLINE void put(D d, hn::Vec<D> value, std::byte* at) {
    store(d, Op::apply(d, load(d, at), value), at);
  }
};

// Lanes of quantise(): the integers are the low bits.
template <class D>
HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> quantised(D d, const std::byte* floats, float inverse_scale) {
  const hn::RebindToUnsigned<D> bits;
  const auto scaled = hn::Mul(load(d, floats), hn::Set(d, inverse_scale));
  return hn::BitCast(bits, hn::Add(scaled, hn::BitCast(d, hn::Set(bits, kRoundMagic))));
}

// The bits of the largest magnitude of floats[0..m); NaN is above infinity.
HWY_INLINE uint32_t largest_magnitude(const std::byte* floats, size_t m) {
  const hn::ScalableTag<uint32_t> d;
  const auto mask = hn::Set(d, kAbsMask32);
  const size_t lanes = hn::Lanes(d);
  auto even = hn::Zero(d), odd = hn::Zero(d);
  size_t i = 0;
  for (; i + 2 * lanes <= m; i += 2 * lanes) {
    even = hn::Max(even, hn::And(mask, load(d, floats + i * sizeof(float))));
    odd = hn::Max(odd, hn::And(mask, load(d, floats + (i + lanes) * sizeof(float))));
  }
  uint32_t largest = hn::GetLane(hn::MaxOfLanes(d, hn::Max(even, odd)));
  for (; i < m; ++i) {
    uint32_t bits;
    std::memcpy(&bits, floats + i * sizeof bits, sizeof bits);
    bits &= kAbsMask32;
    largest = bits > largest ? bits : largest;
  }
  return largest;
}

// Blocks whose scales are found before the first is encoded, so that one block's latency hides in the others' work;
// few enough elements to stay in the L1 cache.
inline constexpr size_t kGroupBlocks = 16;
inline constexpr size_t kGroupElements = 1024;

template <class Packing, class Lanes>
void encode_blocks(const void* floats, size_t count, size_t block, std::byte* scales, std::byte* codes) {
  const std::byte* in = static_cast<const std::byte*>(floats);
  const size_t most = kGroupElements / block < 1 ? 1 : kGroupElements / block;
  const size_t group = (most < kGroupBlocks ? most : kGroupBlocks) * block;
  while (count != 0) {
    const size_t elements = count < group ? count : group;
    const size_t blocks = block_count(elements, block);
    uint16_t scale[kGroupBlocks];
    float inverse[kGroupBlocks];
    for (size_t g = 0; g < blocks; ++g) {
      const size_t m = g + 1 < blocks ? block : elements - g * block;
      scale[g] = scale_of<Packing::kBits>(largest_magnitude(in + g * block * sizeof(float), m));
      inverse[g] = 1.0f / scale_value(scale[g]);
    }
    std::memcpy(scales, scale, blocks * sizeof scale[0]);
    for (size_t g = 0; g < blocks; ++g) {
      const size_t m = g + 1 < blocks ? block : elements - g * block;
      if (scale[g] == kNanScale) {
        std::memset(codes, 0, code_bytes(m, Packing::kBits));
      } else {
        Lanes::encode(in, m, inverse[g], codes);
      }
      in += m * sizeof(float);
      codes += code_bytes(m, Packing::kBits);
    }
    scales += blocks * sizeof scale[0];
    count -= elements;
  }
}

// For scales that need a look at each product.
template <class Packing, class Emit>
HWY_NOINLINE void decode_odd_block(uint16_t scale, const std::byte* codes, size_t m, std::byte* out) {
  const hn::CappedTag<float, 1> d;
  const auto* const packed = reinterpret_cast<const uint8_t*>(codes);
  for (size_t i = 0; i < m; ++i) {
    Emit::put(d, hn::Set(d, dequantise(Packing::code(packed, m, i), scale)), out + i * sizeof(float));
  }
}

template <class Packing, class Lanes, class Emit>
void decode_blocks(const std::byte* scales, const std::byte* codes, size_t count, size_t block, void* floats) {
  std::byte* out = static_cast<std::byte*>(floats);
  while (count != 0) {
    const size_t m = count < block ? count : block;
    uint16_t scale;
    std::memcpy(&scale, scales, sizeof scale);
    if (plain_scale<Packing::kBits>(scale)) {
      Lanes::template decode<Emit>(codes, m, scale_value(scale), out);
    } else {
      decode_odd_block<Packing, Emit>(scale, codes, m, out);
    }
    out += m * sizeof(float);
    scales += sizeof scale;
    codes += code_bytes(m, Packing::kBits);
    count -= m;
  }
}

template <class Packing, class Lanes>
constexpr BlockKernels block_kernels() {
  constexpr auto sum = decode_blocks<Packing, Lanes, ReduceEmit<SumOp>>;
  return {encode_blocks<Packing, Lanes>,
          decode_blocks<Packing, Lanes, StoreEmit>,
          {sum, decode_blocks<Packing, Lanes, ReduceEmit<ProdOp>>, decode_blocks<Packing, Lanes, ReduceEmit<MaxOp>>,
           decode_blocks<Packing, Lanes, ReduceEmit<MinOp>>, sum}};
}

}  // namespace coll::block::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
