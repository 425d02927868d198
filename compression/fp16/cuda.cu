// Codec `fp16` on the device.
#include "device/array_format.hpp"
#include "device/launch.cuh"

namespace coll::fp16_codec {

Status run_on_device(const DeviceHop& hop, const device::Launch& launch) {
  return device::run_coded<device::ArrayFormat<device::Float16, true>>(hop, device::Launcher(launch));
}

}  // namespace coll::fp16_codec
