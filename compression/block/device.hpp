// Messages of block-scaled numbers on the device, over what a codec adds: `Lanes` with
//   Packing, kRows        layout.hpp's packing; the rows of bytes that its runs fill
//   kUnit                 what values are in units of, a power of two
//   values(rows, out)     a unit's numbers from its rows of words: run r's element i at r * bytes of a row + i
//   pack(bits, rows)      the other way, from codes in the low bits
#pragma once

#include "compression/block/layout.hpp"
#include "device/hop_kernel.hpp"

namespace coll::block {

template <class Lanes>
struct DeviceFormat {
  using Packing = typename Lanes::Packing;
  using Number = typename Packing::Number;
  static constexpr bool kScaled = true;
  static constexpr int kRuns = Packing::kRuns;
  static constexpr int kRows = Lanes::kRows;
  static constexpr int kBits = Number::kBits;
  static constexpr size_t kSlotBytes = 1;
  static constexpr int kLogRuns = kRuns == 4 ? 2 : kRuns == 2 ? 1 : 0;
  static_assert(kRuns * kBits == 8 * kRows);

  struct Layout {
    size_t count, codes;
    unsigned log_block = 0;
    bool random;
    random::Run draws;
    explicit Layout(const DeviceHop& hop)
        : count(hop.count), codes(scale_bytes(hop.count, hop.block)), random(hop.random), draws(hop.draws) {
      while (size_t{1} << log_block < hop.block) ++log_block;
    }
    COLL_HD size_t block() const { return size_t{1} << log_block; }
    COLL_HD size_t run() const { return block() >> kLogRuns; }
    // Block and place in it of a whole block's slot.
    COLL_HD size_t block_of(size_t slot) const { return slot >> (log_block - kLogRuns); }
    COLL_HD size_t place_of(size_t slot) const { return slot & (run() - 1); }
    // Where a slot's byte is in the first row of its block.
    COLL_HD size_t code_of(size_t slot) const {
      return codes + (kRows == 1 ? slot : block_of(slot) * kRows * run() + place_of(slot));
    }
  };

  template <int kWidth>
  struct Raw {
    device::Words<kWidth> rows[kRows];
    uint16_t scale;
  };

  template <int kWidth>
  COLL_HD static size_t first_element(const Layout& layout, size_t unit, int run) {
    const size_t slot = unit * kWidth;
    if constexpr (kRuns == 1) return slot;
    const size_t before = static_cast<size_t>(run) << (layout.log_block - kLogRuns);
    return (layout.block_of(slot) << layout.log_block) + before + layout.place_of(slot);
  }

  template <int kWidth>
  COLL_HD static Raw<kWidth> fetch(const Layout& layout, const std::byte* message, size_t unit) {
    const size_t slot = unit * kWidth;
    Raw<kWidth> raw;
    const std::byte* const from = message + layout.code_of(slot);
    COLL_UNROLL
    for (size_t row = 0; row < kRows; ++row) raw.rows[row] = device::load_words<kWidth>(from + row * layout.run());
    raw.scale = reinterpret_cast<const uint16_t*>(message)[layout.block_of(slot)];
    return raw;
  }

  // Products of all but the largest scales are exact, which add_product() asks for; where a scale is not finite, the
  // product with NaN is what dequantise() says.
  template <int kWidth, bool kStart, class Op, typename Acc>
  COLL_HD static void combine(const Op& op, const Raw<kWidth>& raw, Acc* values) {
    const uint32_t magnitude = raw.scale & 0x7fffu;
    if (magnitude < kInfScale && !plain_scale<Number>(static_cast<uint16_t>(magnitude))) {
      combine_large<kWidth, kStart>(op, raw, values);
      return;
    }
    const float scale = magnitude < kInfScale ? scale_value(raw.scale) * Lanes::kUnit : bits_float(kNan32);
    float numbers[kWidth * kRuns];
    Lanes::values(raw.rows, numbers);
    COLL_UNROLL
    for (int i = 0; i < kWidth * kRuns; ++i) {
      values[i] = kStart ? static_cast<Acc>(numbers[i] * scale) : op.add_product(values[i], numbers[i], scale);
    }
  }

  template <int kWidth, typename Acc>
  COLL_HD static void emit(const Layout& layout, std::byte* message, size_t unit, const Acc* values,
                           uint32_t magnitude) {
    const size_t slot = unit * kWidth;
    const uint16_t scale = scale_of<Number>(magnitude);
    const float inverse = 1.0f / scale_value(scale);
    uint32_t bits[kWidth * kRuns];
    COLL_UNROLL
    for (int run = 0; run < kRuns; ++run) {
      const size_t first = first_element<kWidth>(layout, unit, run);
      COLL_UNROLL
      for (int i = 0; i < kWidth; ++i) {
        const float x = static_cast<float>(values[run * kWidth + i]) * inverse;
        bits[run * kWidth + i] = static_cast<uint32_t>(code_at(layout, first + static_cast<size_t>(i), x));
      }
    }
    device::Words<kWidth> rows[kRows];
    Lanes::pack(bits, rows);
    std::byte* const to = message + layout.code_of(slot);
    COLL_UNROLL
    for (size_t row = 0; row < kRows; ++row) {
      COLL_UNROLL
      for (size_t w = 0; w < kWidth / 4; ++w) rows[row].word[w] = scale == kNanScale ? 0 : rows[row].word[w];
      device::store_words(rows[row], to + row * layout.run());
    }
    if (layout.place_of(slot) == 0) reinterpret_cast<uint16_t*>(message)[layout.block_of(slot)] = scale;
  }

  COLL_HD static float element(const Layout& layout, const std::byte* message, size_t i) {
    const size_t b = i >> layout.log_block, begin = b << layout.log_block, left = layout.count - begin;
    const uint16_t scale = device::load_bits<uint16_t>(message + b * sizeof(uint16_t));
    const auto* const codes = reinterpret_cast<const uint8_t*>(message + layout.codes + code_bytes(begin, kBits));
    return dequantise<Number>(Packing::code(codes, left < layout.block() ? left : layout.block(), i - begin), scale);
  }

  // A lane's bytes of the block of m elements that begins with element `begin`; at(i) is its element i.
  template <class At>
  COLL_HD static void emit_block(const Layout& layout, std::byte* message, size_t begin, size_t m, uint32_t magnitude,
                                 int lane, const At& at) {
    const uint16_t scale = scale_of<Number>(magnitude);
    const float inverse = 1.0f / scale_value(scale);
    const auto q = [&](size_t i) { return scale == kNanScale ? 0 : code_at(layout, begin + i, at(i) * inverse); };
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
  // The code of element i, which is x in units of its scale.
  COLL_HD static int32_t code_at(const Layout& layout, size_t i, float x) {
    if constexpr (Number::kRandom) {
      if (layout.random) return Number::code(x, layout.draws(i));
    }
    return Number::code(x);
  }

  template <int kWidth, bool kStart, class Op, typename Acc>
  COLL_HD static void combine_large(const Op& op, const Raw<kWidth>& raw, Acc* values) {
    float numbers[kWidth * kRuns];
    Lanes::values(raw.rows, numbers);
    COLL_UNROLL
    for (int i = 0; i < kWidth * kRuns; ++i) {
      const Acc value = scaled_value(numbers[i] * Lanes::kUnit, raw.scale);
      values[i] = kStart ? value : op.merge(values[i], value);
    }
  }
};

}  // namespace coll::block
