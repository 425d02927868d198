// Packing of codec `int8`: one byte per element, two's complement. See FORMAT.md.
#pragma once

#include "compression/block/bytes.hpp"

namespace coll::int8_codec {

using Packing = block::BytePacking<block::Integers<8>>;

}  // namespace coll::int8_codec
