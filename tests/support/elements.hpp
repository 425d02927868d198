// Elements of every type as a test sees them: numbers, and the inputs that the ranks start from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/types.hpp"

namespace coll::test {

using Bytes = std::vector<std::byte>;

// What rounding to a floating-point type does, at most.
struct FloatFacts {
  double roundoff;  // relative, in the normal range
  double smallest;  // spacing of the subnormal numbers
  double largest;   // finite magnitude
  bool has_infinity;
};
const FloatFacts& float_facts(DataType type);

// Values of a floating-point type, decoded by definition (sign, exponent, mantissa).
std::vector<double> to_doubles(DataType type, const std::byte* elements, size_t count);
// The elements of a type nearest to the numbers.
Bytes from_doubles(DataType type, const std::vector<double>& numbers);
// Values of an integer type; unsigned ones keep their bits.
std::vector<int64_t> to_integers(DataType type, const std::byte* elements, size_t count);
Bytes from_integers(DataType type, const std::vector<int64_t>& numbers);

struct Pattern {
  bool near_one = false;  // floats that can be multiplied, 0.75 to 1.25; otherwise both signs, magnitudes that change
  bool specials = false;  // NaN, infinities, both zeros and subnormals among them
};
inline constexpr size_t kSpecialsCount = 1300;  // elements that hold every special

// What rank `rank` of `nranks` puts in; the same each time.
Bytes make_input(DataType type, Pattern pattern, size_t count, int rank, int nranks);

}  // namespace coll::test
