// The arithmetic of one hop on a device: the kernels that, one after another, make what run_hop() makes on the host.
//
// A kernel (device/hop.hpp) combines messages of one kind, and at most one contribution of another, and has one result.
// What does not fit into one goes through scratch memory; the hops that plans mostly have do. Contributions and outputs
// may be pinned memory, which is far from the device: no contribution is read by two kernels, and no output is read.
#pragma once

#include <functional>

#include "device/hop.hpp"
#include "runtime/hop.hpp"

namespace coll {

struct DeviceHopCost {
  size_t kernels = 0;        // mostly one
  size_t scratch_bytes = 0;  // device memory besides; mostly none
};
// Asks what contributions and outputs there are, not where.
DeviceHopCost device_hop_cost(const Hop& hop, std::span<const Contribution> contributions);

// Calls run(device_hop) for one kernel after another, which have to run in this order; what it is given is only lent.
// All memory is the device's, or such that it reaches; `scratch` has device_hop_cost()'s bytes, and may be NULL where
// kernels are not run but got ready. Results are run_hop()'s to the bit; in partials, NaN may be another one.
// A codec has messages of fixed size. `native` may be a contribution of native elements, `partial` and `coded` may not
// be one.
Status run_hop_on_device(const Hop& hop, std::span<const Contribution> contributions, std::byte* scratch,
                         const std::function<Status(const DeviceHop&)>& run);

}  // namespace coll
