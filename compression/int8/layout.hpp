// Packing of codec `int8`: one byte per element, two's complement. See FORMAT.md.
#pragma once

#include "compression/block/layout.hpp"

namespace coll::int8_codec {

struct Packing {
  static constexpr int kBits = 8;

  template <class Quantised>
  COLL_HD static uint8_t byte(const Quantised& q, size_t, size_t i) {
    return static_cast<uint8_t>(q(i));
  }
  COLL_HD static int32_t code(const uint8_t* codes, size_t, size_t i) { return static_cast<int8_t>(codes[i]); }
};

}  // namespace coll::int8_codec
