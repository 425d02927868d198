// Codec `int4` on the device.
#include "compression/int4/device.hpp"
#include "device/launch.cuh"

namespace coll::int4_codec {

Status run_on_device(const DeviceHop& hop, const device::Launch& launch) {
  return device::run_coded<DeviceFormat>(hop, device::Launcher(launch));
}

}  // namespace coll::int4_codec
