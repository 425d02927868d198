// Packing of codec `fp8e5m2`: one byte per element, OCP's E5M2. See FORMAT.md.
#pragma once

#include "compression/block/bytes.hpp"

namespace coll::fp8e5m2_codec {

using Packing = block::BytePacking<block::Floats<E5m2>>;

}  // namespace coll::fp8e5m2_codec
