// Codec `int8` on the device: four codes in a word.
#pragma once

#include "compression/block/device.hpp"
#include "compression/int8/layout.hpp"

namespace coll::int8_codec {

struct DeviceLanes {
  using Packing = int8_codec::Packing;
  static constexpr int kRuns = 1;

  // With its sign bit flipped a code is the code plus 128.
  template <size_t kBytes>
  COLL_HD static void codes(const device::Words<kBytes>& words, float* values) {
    COLL_UNROLL
    for (size_t w = 0; w < kBytes / 4; ++w) {
      const uint32_t biased = words.word[w] ^ 0x80808080u;
      COLL_UNROLL
      for (int i = 0; i < 4; ++i)
        values[4 * w + static_cast<size_t>(i)] = device::float_of_byte(biased, i) - 8388736.0f;
    }
  }
  template <size_t kBytes>
  COLL_HD static void pack(const uint32_t* bits, device::Words<kBytes>* words) {
    COLL_UNROLL
    for (size_t w = 0; w < kBytes / 4; ++w) {
      words->word[w] = device::pack_bytes(bits[4 * w], bits[4 * w + 1], bits[4 * w + 2], bits[4 * w + 3]);
    }
  }
};

using DeviceFormat = block::DeviceFormat<DeviceLanes>;

}  // namespace coll::int8_codec
