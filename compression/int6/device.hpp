// Codec `int6` on the device: a word of each row holds four codes of a run in its bytes' high six bits, and a third of
// the bits of four of the last run's in their low two.
#pragma once

#include "compression/block/device.hpp"
#include "compression/int6/layout.hpp"

namespace coll::int6_codec {

struct DeviceLanes {
  using Packing = int6_codec::Packing;
  static constexpr int kRows = 3;
  static constexpr float kUnit = 1;

  template <size_t kBytes>
  COLL_HD static void values(const device::Words<kBytes>* rows, float* out) {
    constexpr uint32_t kLow = 0x03030303u;
    COLL_UNROLL
    for (size_t w = 0; w < kBytes / 4; ++w) {
      uint32_t last = 0;
      COLL_UNROLL
      for (size_t row = 0; row < kRows; ++row) {
        const uint32_t word = rows[row].word[w];
        four(word >> 2 & 0x3f3f3f3fu, out + row * kBytes + 4 * w);
        last |= (word & kLow) << (2 * row);
      }
      four(last, out + kRows * kBytes + 4 * w);
    }
  }
  template <size_t kBytes>
  COLL_HD static void pack(const uint32_t* bits, device::Words<kBytes>* rows) {
    COLL_UNROLL
    for (size_t w = 0; w < kBytes / 4; ++w) {
      const uint32_t last = bytes(bits + kRows * kBytes + 4 * w);
      COLL_UNROLL
      for (size_t row = 0; row < kRows; ++row) {
        const uint32_t own = bytes(bits + row * kBytes + 4 * w) & 0x3f3f3f3fu;
        rows[row].word[w] = own << 2 | (last >> (2 * row) & 0x03030303u);
      }
    }
  }

 private:
  // With its sign bit flipped a code is the code plus 32.
  COLL_HD static void four(uint32_t codes, float* out) {
    const uint32_t biased = codes ^ 0x20202020u;
    COLL_UNROLL
    for (int i = 0; i < 4; ++i) out[i] = device::float_of_byte(biased, i) - 8388640.0f;
  }
  COLL_HD static uint32_t bytes(const uint32_t* bits) { return device::pack_bytes(bits[0], bits[1], bits[2], bits[3]); }
};

using DeviceFormat = block::DeviceFormat<DeviceLanes>;

}  // namespace coll::int6_codec
