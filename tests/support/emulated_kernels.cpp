#include "support/emulated_kernels.hpp"

#include <cstring>
#include <vector>

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
    using Addresses = device::Addresses<Kernel>;
    std::vector<uint64_t> table(Addresses::table_size(kernel));
    for (size_t cta = 0; cta < grid.ctas; ++cta) {
      Addresses::fill(kernel, 0, 1, table.data());
      for (size_t warp = 0; warp < grid.warps; ++warp) {
        device::walk<device::unroll_of<Kernel>()>(device::HostWarp{cta, grid.ctas, warp, grid.warps}, kernel,
                                                  Addresses(table.data()));
      }
    }
    return {};
  }
  Status copy(const void* from, void* to, size_t bytes) const {
    std::memmove(to, from, bytes);
    return {};
  }
};

Status check_late(const void* address) {
  const bool odd = is_late(address) && resolve(address) % kLateGrain != 0;
  return odd ? Status(collInternalError, "a late address lies within a line") : Status();
}

}  // namespace

Status run_emulated(const DeviceHop& hop, const EmulatedGrid& grid) {
  for (const void* const result : {hop.native, hop.also, hop.coded}) COLL_TRY(check_late(result));
  COLL_TRY(check_late(hop.own));
  for (const void* const message : hop.messages) COLL_TRY(check_late(message));
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
