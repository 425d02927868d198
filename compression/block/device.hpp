// Messages of block-scaled integers on the device, over what a codec adds: `Lanes` with
//   Packing, kRuns                          layout.hpp's packing; the runs of a block that share bytes
//   codes(words, values)                    floats of a unit's integers: run r's element i at r * 4 * words + i
//   pack(bits, words)                       the other way, from integers in the low bits
#pragma once

#include "compression/block/layout.hpp"
#include "device/hop_kernel.hpp"

namespace coll::block {

template <class Lanes>
struct DeviceFormat {
  using Packing = typename Lanes::Packing;
  static constexpr bool kScaled = true;
  static constexpr int kRuns = Lanes::kRuns;
  static constexpr int kBits = Packing::kBits;
  static constexpr size_t kSlotBytes = 1;
  static constexpr int kLogRuns = kRuns == 2 ? 1 : 0;
  static_assert(kRuns * kBits == 8);

  struct Layout {
    size_t count, codes;
    unsigned log_block = 0;
    COLL_HD Layout(size_t elements, size_t block) : count(elements), codes(scale_bytes(elements, block)) {
      while (size_t{1} << log_block < block) ++log_block;
    }
    COLL_HD size_t block() const { return size_t{1} << log_block; }
    // Block and place in it of a whole block's slot.
    COLL_HD size_t block_of(size_t slot) const { return slot >> (log_block - kLogRuns); }
    COLL_HD size_t place_of(size_t slot) const { return slot & ((block() >> kLogRuns) - 1); }
  };

  template <int kWidth>
  struct Raw {
    device::Words<kWidth> codes;
    uint16_t scale;
  };

  template <int kWidth>
  COLL_HD static size_t first_element(const Layout& layout, size_t unit, int run) {
    const size_t slot = unit * kWidth;
    if constexpr (kRuns == 1) return slot;
    const size_t half = static_cast<size_t>(run) << (layout.log_block - 1);
    return (layout.block_of(slot) << layout.log_block) + half + layout.place_of(slot);
  }

  template <int kWidth>
  COLL_HD static Raw<kWidth> fetch(const Layout& layout, const std::byte* message, size_t unit) {
    const size_t slot = unit * kWidth;
    Raw<kWidth> raw;
    raw.codes = device::load_words<kWidth>(message + layout.codes + slot);
    raw.scale = reinterpret_cast<const uint16_t*>(message)[layout.block_of(slot)];
    return raw;
  }

  // Products of all but the largest scales are exact, which add_product() asks for; where a scale is not finite, the
  // product with NaN is what dequantise() says.
  template <int kWidth, bool kStart, class Op, typename Acc>
  COLL_HD static void combine(const Op& op, const Raw<kWidth>& raw, Acc* values) {
    const uint32_t magnitude = raw.scale & 0x7fffu;
    if (magnitude < kInfScale && !plain_scale<kBits>(static_cast<uint16_t>(magnitude))) {
      combine_large<kWidth, kStart>(op, raw, values);
      return;
    }
    const float scale = magnitude < kInfScale ? scale_value(raw.scale) : bits_float(kNan32);
    float codes[kWidth * kRuns];
    Lanes::codes(raw.codes, codes);
    COLL_UNROLL
    for (int i = 0; i < kWidth * kRuns; ++i) {
      values[i] = kStart ? static_cast<Acc>(codes[i] * scale) : op.add_product(values[i], codes[i], scale);
    }
  }

  template <int kWidth, typename Acc>
  COLL_HD static void emit(const Layout& layout, std::byte* message, size_t unit, const Acc* values,
                           uint32_t magnitude) {
    const size_t slot = unit * kWidth;
    const uint16_t scale = scale_of<kBits>(magnitude);
    const float inverse = 1.0f / scale_value(scale);
    uint32_t bits[kWidth * kRuns];
    COLL_UNROLL
    for (int i = 0; i < kWidth * kRuns; ++i) {
      bits[i] = static_cast<uint32_t>(quantise(static_cast<float>(values[i]), inverse));
    }
    device::Words<kWidth> words;
    Lanes::pack(bits, &words);
    COLL_UNROLL
    for (size_t w = 0; w < kWidth / 4; ++w) words.word[w] = scale == kNanScale ? 0 : words.word[w];
    device::store_words(words, message + layout.codes + slot);
    if (layout.place_of(slot) == 0) reinterpret_cast<uint16_t*>(message)[layout.block_of(slot)] = scale;
  }

  COLL_HD static float element(const Layout& layout, const std::byte* message, size_t i) {
    const size_t b = i >> layout.log_block, begin = b << layout.log_block, left = layout.count - begin;
    const uint16_t scale = device::load_bits<uint16_t>(message + b * sizeof(uint16_t));
    const auto* const codes = reinterpret_cast<const uint8_t*>(message + layout.codes + code_bytes(begin, kBits));
    return dequantise(Packing::code(codes, left < layout.block() ? left : layout.block(), i - begin), scale);
  }

  // A lane's bytes of the block of m elements that begins with element `begin`; at(i) is its element i.
  template <class At>
  COLL_HD static void emit_block(const Layout& layout, std::byte* message, size_t begin, size_t m, uint32_t magnitude,
                                 int lane, const At& at) {
    const uint16_t scale = scale_of<kBits>(magnitude);
    const float inverse = 1.0f / scale_value(scale);
    const auto q = [&](size_t i) { return scale == kNanScale ? 0 : quantise(at(i), inverse); };
    std::byte* const codes = message + layout.codes + code_bytes(begin, kBits);
    COLL_NO_UNROLL
    for (size_t i = static_cast<size_t>(lane); i < code_bytes(m, kBits); i += device::kWarp) {
      codes[i] = static_cast<std::byte>(Packing::byte(q, m, i));
    }
    if (lane == 0) device::store_bits(scale, message + (begin >> layout.log_block) * sizeof scale);
  }

  // The zeros between scales and codes: at most 14 bytes.
  COLL_HD static void pad(const Layout& layout, std::byte* message, int lane) {
    const size_t at = block_count(layout.count, layout.block()) * sizeof(uint16_t) + static_cast<size_t>(lane);
    if (at < layout.codes) message[at] = std::byte{0};
  }

 private:
  template <int kWidth, bool kStart, class Op, typename Acc>
  COLL_HD static void combine_large(const Op& op, const Raw<kWidth>& raw, Acc* values) {
    float codes[kWidth * kRuns];
    Lanes::codes(raw.codes, codes);
    COLL_UNROLL
    for (int i = 0; i < kWidth * kRuns; ++i) {
      const Acc value = dequantise(static_cast<int32_t>(codes[i]), raw.scale);
      values[i] = kStart ? value : op.merge(values[i], value);
    }
  }
};

}  // namespace coll::block
