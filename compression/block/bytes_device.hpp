// Codes that are bytes on the device: four in a word.
#pragma once

#include "compression/block/bytes.hpp"
#include "compression/block/device.hpp"

namespace coll::block {

template <class PackingT>
struct ByteWords {
  using Packing = PackingT;
  static constexpr int kRows = 1;

  template <size_t kBytes>
  COLL_HD static void pack(const uint32_t* bits, device::Words<kBytes>* row) {
    COLL_UNROLL
    for (size_t w = 0; w < kBytes / 4; ++w) {
      row->word[w] = device::pack_bytes(bits[4 * w], bits[4 * w + 1], bits[4 * w + 2], bits[4 * w + 3]);
    }
  }
};

// Small floats, two at a time: with its exponent in the lowest bits of a half float's, a code is a half whose value is
// the code's, in units of kUnit.
template <class PackingT>
struct SmallFloatWords : ByteWords<PackingT> {
  using Small = typename PackingT::Number::Small;
  static constexpr float kUnit = static_cast<float>(1 << (Fp16::kBias - Small::kBias));
  static constexpr int kShift = Fp16::kMantissaBits - Small::kMantissaBits;
  static constexpr uint32_t kLargest = Small::kMaxFinite << kShift;

  template <size_t kBytes>
  COLL_HD static void values(const device::Words<kBytes>* row, float* out) {
    COLL_UNROLL
    for (size_t w = 0; w < kBytes / 4; ++w) {
      const uint32_t word = row->word[w];
      COLL_UNROLL
      for (int i = 0; i < 4; ++i) out[4 * w + static_cast<size_t>(i)] = value(word >> (8 * i) & 0xffu);
    }
  }

 private:
  COLL_HD static float value(uint32_t code) {
    const uint32_t magnitude = (code & (Small::kSign - 1)) << kShift;
    const uint32_t half = magnitude | (code & Small::kSign) << 8;
    return magnitude > kLargest ? bits_float(kNan32) : device::Float16::from_bits(static_cast<uint16_t>(half));
  }
};

}  // namespace coll::block
