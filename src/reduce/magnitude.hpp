// The largest magnitude in a buffer, in SIMD chosen at run time.
#pragma once

#include <cstddef>

#include "base/simd.hpp"
#include "base/types.hpp"

namespace coll::reduce {

// Of `count` elements of a float type, at any address: 0 where there are none, infinity where one of them is infinite
// or NaN.
double largest_magnitude(DataType type, const std::byte* elements, size_t count, Isa isa = best_isa());

}  // namespace coll::reduce
