// Packing of codecs whose codes are bytes: one after the other.
#pragma once

#include "compression/block/layout.hpp"

namespace coll::block {

template <class NumberT>
struct BytePacking {
  using Number = NumberT;
  static constexpr int kRuns = 1;

  template <class Quantised>
  COLL_HD static uint8_t byte(const Quantised& q, size_t, size_t i) {
    return static_cast<uint8_t>(q(i));
  }
  COLL_HD static int32_t code(const uint8_t* codes, size_t, size_t i) { return static_cast<int8_t>(codes[i]); }
};

}  // namespace coll::block
