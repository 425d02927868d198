// Codec `bf16` on the device.
#include "device/array_format.hpp"
#include "device/launch.cuh"

namespace coll::bf16_codec {

Status run_on_device(const DeviceHop& hop, const device::Launch& launch) {
  return device::run_coded<device::ArrayFormat<device::Bfloat16, true>>(hop, device::Launcher(launch));
}

}  // namespace coll::bf16_codec
