// Codec `int8` on the device.
#include "compression/int8/device.hpp"
#include "device/launch.cuh"

namespace coll::int8_codec {

Status run_on_device(const DeviceHop& hop, const device::Launch& launch) {
  return device::run_coded<DeviceFormat>(hop, device::Launcher(launch));
}

}  // namespace coll::int8_codec
