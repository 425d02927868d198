// Layout of codec `none`: float32 elements, little-endian, as they are. See FORMAT.md.
#pragma once

#include "compression/cast/cast_codec.hpp"

namespace coll::none_codec {

inline constexpr CastFormat kFormat = {.bytes = 4, .relative = 0, .absolute = 0, .overflows_at = 0};

}  // namespace coll::none_codec
