// Packing of codec `int6`: a block of m elements is three rows of r = ceil(m/4) bytes. Byte i of row p holds element
// i + p * r in its high six bits and, in its low two, bits 2p and 2p + 1 of element i + 3 * r; two's complement. So
// vectors unpack to neighbours, and one shift of a byte gives a code with its sign. See FORMAT.md.
#pragma once

#include "compression/block/layout.hpp"

namespace coll::int6_codec {

struct Packing {
  using Number = block::Integers<6>;
  static constexpr int kRuns = 4;

  template <class Quantised>
  COLL_HD static uint8_t byte(const Quantised& q, size_t m, size_t i) {
    const size_t run = (m + 3) / 4, row = i / run, column = i % run, last = column + 3 * run;
    const uint32_t own = i < m ? static_cast<uint32_t>(q(i)) : 0u;
    const uint32_t shared = last < m ? static_cast<uint32_t>(q(last)) >> (2 * row) & 3u : 0u;
    return static_cast<uint8_t>(own << 2 | shared);
  }
  COLL_HD static int32_t code(const uint8_t* codes, size_t m, size_t i) {
    const size_t run = (m + 3) / 4;
    if (i < 3 * run) return static_cast<int8_t>(codes[i]) >> 2;
    const uint8_t* const at = codes + (i - 3 * run);
    const int32_t bits = (at[0] & 3) | (at[run] & 3) << 2 | (at[2 * run] & 3) << 4;
    return bits < 32 ? bits : bits - 64;
  }
};

}  // namespace coll::int6_codec
