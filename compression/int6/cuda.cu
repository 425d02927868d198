// Codec `int6` on the device.
#include "compression/int6/device.hpp"
#include "device/launch.cuh"

namespace coll::int6_codec {

Status run_on_device(const DeviceHop& hop, const device::Launch& launch) {
  return device::run_coded<DeviceFormat>(hop, device::Launcher(launch));
}

}  // namespace coll::int6_codec
