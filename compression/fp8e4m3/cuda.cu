// Codec `fp8e4m3` on the device.
#include "compression/fp8e4m3/device.hpp"
#include "device/launch.cuh"

namespace coll::fp8e4m3_codec {

Status run_on_device(const DeviceHop& hop, const device::Launch& launch) {
  return device::run_coded<DeviceFormat>(hop, device::Launcher(launch));
}

}  // namespace coll::fp8e4m3_codec
