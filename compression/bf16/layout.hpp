// Layout of codec `bf16`: one bfloat16 per element, little-endian; bf16_from_float and bf16_to_float of base/float.hpp
// are its scalar encoder and decoder. See FORMAT.md.
#pragma once

#include "compression/cast/cast_codec.hpp"

namespace coll::bf16_codec {

// 8 bits of precision, subnormals of 2^-133; from halfway beyond the largest it rounds to infinity.
inline constexpr CastFormat kFormat = {
    .bytes = 2, .relative = 0x1p-8, .absolute = 0x1p-134, .overflows_at = 0x1.ffp127, .largest = 0x1.fep127};

}  // namespace coll::bf16_codec
