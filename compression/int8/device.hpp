// Codec `int8` on the device: four codes in a word.
#pragma once

#include "compression/block/bytes_device.hpp"
#include "compression/int8/layout.hpp"

namespace coll::int8_codec {

struct DeviceLanes : block::ByteWords<Packing> {
  static constexpr float kUnit = 1;

  // With its sign bit flipped a code is the code plus 128.
  template <size_t kBytes>
  COLL_HD static void values(const device::Words<kBytes>* row, float* out) {
    COLL_UNROLL
    for (size_t w = 0; w < kBytes / 4; ++w) {
      const uint32_t biased = row->word[w] ^ 0x80808080u;
      COLL_UNROLL
      for (int i = 0; i < 4; ++i) {
        out[4 * w + static_cast<size_t>(i)] = device::float_of_byte(biased, i) - 8388736.0f;
      }
    }
  }
};

using DeviceFormat = block::DeviceFormat<DeviceLanes>;

}  // namespace coll::int8_codec
