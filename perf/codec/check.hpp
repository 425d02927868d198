// What codecs made of numbers, against float64 sums and the codecs' own bounds.
#pragma once

#include <cstddef>
#include <span>

#include "compression/codec.hpp"
#include "perf/tools/result.hpp"

namespace coll::perf {

struct Errors : Verdict {
  double squares = 0;  // sum of the errors' squares
  size_t count = 0;    // elements that they are of
};

// A result and what it was made from; all buffers hold `count` native elements.
struct Made {
  collDataType_t type;
  const Codec* codec;  // NULL: exact
  std::span<const std::byte* const> contributions;
  bool encoded_again = false;  // the sum went through the codec once more
  const std::byte* result;
  size_t count;
};

// Block grids begin at element 0. Elements without a bound, because something in their block is NaN or infinite or
// overflows, are left out.
Errors check(const Made& made);

}  // namespace coll::perf
