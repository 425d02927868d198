// What codecs refuse, in the same words for all of them.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/status.hpp"
#include "base/types.hpp"

namespace coll {

// Lossy codecs serve floating-point types, ...
Status refuse_unless_float(std::string_view codec, DataType type);
// ... and every operator whose error can be bounded.
Status refuse_product(std::string_view codec, RedOp op);
// A message of fixed size has exactly that many bytes.
Status refuse_wrong_size(std::string_view codec, size_t count, size_t expected_bytes, size_t actual_bytes);

// More elements than this would overflow size computations; no buffer holds them.
inline constexpr size_t kMaxElements = size_t{1} << 60;

}  // namespace coll
