// Codec `fp8e4m3` on the device: four codes in a word.
#pragma once

#include "compression/block/bytes_device.hpp"
#include "compression/fp8e4m3/layout.hpp"

namespace coll::fp8e4m3_codec {

using DeviceFormat = block::DeviceFormat<block::SmallFloatWords<Packing>>;

}  // namespace coll::fp8e4m3_codec
