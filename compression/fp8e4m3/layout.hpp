// Packing of codec `fp8e4m3`: one byte per element, OCP's E4M3. See FORMAT.md.
#pragma once

#include "compression/block/bytes.hpp"

namespace coll::fp8e4m3_codec {

using Packing = block::BytePacking<block::Floats<E4m3>>;

}  // namespace coll::fp8e4m3_codec
