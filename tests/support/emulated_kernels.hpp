// The device's kernels run on the host, lane by lane: what a GPU would compute, without one.
#pragma once

#include "device/hop.hpp"

namespace coll::test {

// Grids are small, so that every warp has several turns: `ctas` blocks of `warps` warps.
struct EmulatedGrid {
  size_t ctas = 2;
  size_t warps = 2;
};

Status run_emulated(const DeviceHop& hop, const EmulatedGrid& grid = {});

}  // namespace coll::test
