// Elements times one scalar.
#pragma once

#include <cstddef>

#include "base/types.hpp"

namespace coll::reduce {

// out[0..count) = in[0..count) * *scalar, native elements: multiplied as accumulators and rounded once; integers wrap.
void scale(DataType type, const std::byte* in, const void* scalar, std::byte* out, size_t count);

}  // namespace coll::reduce
