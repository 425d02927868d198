// Codec `fp8e5m2` on the device: four codes in a word.
#pragma once

#include "compression/block/bytes_device.hpp"
#include "compression/fp8e5m2/layout.hpp"

namespace coll::fp8e5m2_codec {

using DeviceFormat = block::DeviceFormat<block::SmallFloatWords<Packing>>;

}  // namespace coll::fp8e5m2_codec
