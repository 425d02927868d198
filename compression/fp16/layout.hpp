// Layout of codec `fp16`: one IEEE binary16 per element, little-endian; fp16_from_float and fp16_to_float of
// base/float.hpp are its scalar encoder and decoder. See FORMAT.md.
#pragma once

#include "compression/cast/cast_codec.hpp"

namespace coll::fp16_codec {

// 11 bits of precision, subnormals of 2^-24; from halfway beyond 65504 it rounds to infinity.
inline constexpr CastFormat kFormat = {
    .bytes = 2, .relative = 0x1p-11, .absolute = 0x1p-25, .overflows_at = 65520, .largest = 65504};

}  // namespace coll::fp16_codec
