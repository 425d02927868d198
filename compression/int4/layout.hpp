// Packing of codec `int4`: byte i of a block of m elements holds element i in its low four bits and element
// i + ceil(m/2) in its high four, two's complement; so vectors unpack to neighbours. See FORMAT.md.
#pragma once

#include "compression/block/layout.hpp"

namespace coll::int4_codec {

struct Packing {
  using Number = block::Integers<4>;
  static constexpr int kRuns = 2;

  template <class Quantised>
  COLL_HD static uint8_t byte(const Quantised& q, size_t m, size_t i) {
    const size_t high = i + (m + 1) / 2;
    const uint32_t upper = high < m ? static_cast<uint32_t>(q(high)) & 15u : 0u;
    return static_cast<uint8_t>((static_cast<uint32_t>(q(i)) & 15u) | upper << 4);
  }
  COLL_HD static int32_t code(const uint8_t* codes, size_t m, size_t i) {
    const size_t half = (m + 1) / 2;
    const int32_t nibble = i < half ? codes[i] & 15 : codes[i - half] >> 4;
    return nibble < 8 ? nibble : nibble - 16;
  }
};

}  // namespace coll::int4_codec
