#include "support/emulated_kernels.hpp"

#include <cstring>

#include "compression/fp8e4m3/device.hpp"
#include "compression/fp8e5m2/device.hpp"
#include "compression/int4/device.hpp"
#include "compression/int6/device.hpp"
#include "compression/int8/device.hpp"
#include "device/dispatch.hpp"
#include "device/host_warp.hpp"
#include "device/tuning.hpp"

namespace coll::test {
namespace {

struct EmulatedRunner {
  EmulatedGrid grid;

  template <class Kernel>
  Status operator()(const Kernel& kernel) const {
    for (size_t cta = 0; cta < grid.ctas; ++cta) {
      for (size_t warp = 0; warp < grid.warps; ++warp) {
        device::walk<device::unroll_of<Kernel>()>(device::HostWarp{cta, grid.ctas, warp, grid.warps}, kernel);
      }
    }
    return {};
  }
  Status copy(const void* from, void* to, size_t bytes) const {
    std::memmove(to, from, bytes);
    return {};
  }
};

}  // namespace

Status run_emulated(const DeviceHop& hop, const EmulatedGrid& grid) {
  const EmulatedRunner runner{grid};
  if (hop.codec == "fp16") return device::run_coded<device::ArrayFormat<device::Float16, true>>(hop, runner);
  if (hop.codec == "bf16") return device::run_coded<device::ArrayFormat<device::Bfloat16, true>>(hop, runner);
  if (hop.codec == "int8") return device::run_coded<int8_codec::DeviceFormat>(hop, runner);
  if (hop.codec == "fp8e4m3") return device::run_coded<fp8e4m3_codec::DeviceFormat>(hop, runner);
  if (hop.codec == "fp8e5m2") return device::run_coded<fp8e5m2_codec::DeviceFormat>(hop, runner);
  if (hop.codec == "int6") return device::run_coded<int6_codec::DeviceFormat>(hop, runner);
  if (hop.codec == "int4") return device::run_coded<int4_codec::DeviceFormat>(hop, runner);
  if (hop.codec == "none") return device::run_exact(hop, runner);
  return {collUnsupported, text("codec '", hop.codec, "' has no kernels")};
}

}  // namespace coll::test
