// Codec `int4` on the device: a word holds four codes of a block's first half in its low nibbles, and those half a
// block further in its high ones.
#pragma once

#include "compression/block/device.hpp"
#include "compression/int4/layout.hpp"

namespace coll::int4_codec {

struct DeviceLanes {
  using Packing = int4_codec::Packing;
  static constexpr int kRows = 1;
  static constexpr float kUnit = 1;

  // With its sign bit flipped a code is the code plus 8.
  template <size_t kBytes>
  COLL_HD static void values(const device::Words<kBytes>* row, float* out) {
    COLL_UNROLL
    for (size_t w = 0; w < kBytes / 4; ++w) {
      const uint32_t biased = row->word[w] ^ 0x88888888u;
      const uint32_t low = biased & 0x0f0f0f0fu, high = biased >> 4 & 0x0f0f0f0fu;
      COLL_UNROLL
      for (int i = 0; i < 4; ++i) {
        const size_t at = 4 * w + static_cast<size_t>(i);
        out[at] = device::float_of_byte(low, i) - 8388616.0f;
        out[kBytes + at] = device::float_of_byte(high, i) - 8388616.0f;
      }
    }
  }
  template <size_t kBytes>
  COLL_HD static void pack(const uint32_t* bits, device::Words<kBytes>* row) {
    COLL_UNROLL
    for (size_t w = 0; w < kBytes / 4; ++w) {
      const uint32_t* const low = bits + 4 * w;
      const uint32_t* const high = low + kBytes;
      row->word[w] = (device::pack_bytes(low[0], low[1], low[2], low[3]) & 0x0f0f0f0fu) |
                     (device::pack_bytes(high[0], high[1], high[2], high[3]) & 0x0f0f0f0fu) << 4;
    }
  }
};

using DeviceFormat = block::DeviceFormat<DeviceLanes>;

}  // namespace coll::int4_codec
