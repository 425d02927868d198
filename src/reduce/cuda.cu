// Exact reductions on the device: what codec `none` runs, whose messages are the elements themselves.
#include "device/launch.cuh"

namespace coll::reduce {

Status run_on_device(const DeviceHop& hop, const device::Launch& launch) {
  return device::run_exact(hop, device::Launcher(launch));
}

}  // namespace coll::reduce
