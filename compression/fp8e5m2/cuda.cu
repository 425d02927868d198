// Codec `fp8e5m2` on the device.
#include "compression/fp8e5m2/device.hpp"
#include "device/launch.cuh"

namespace coll::fp8e5m2_codec {

Status run_on_device(const DeviceHop& hop, const device::Launch& launch) {
  return device::run_coded<DeviceFormat>(hop, device::Launcher(launch));
}

}  // namespace coll::fp8e5m2_codec
