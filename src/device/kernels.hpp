// The kernels that were built: one entry per codec, each compiled in a file of its own.
#pragma once

#include <span>

#include "coll/coll.h"
#include "device/hop.hpp"

namespace coll::device {

// How a hop is started on the current device.
struct Launch {
  collStream_t stream = nullptr;
  int processors = 1;          // of the device
  int compute_capability = 0;  // ... 90
  int threads = 0;             // of a block; 0: as tuned
  int blocks_per_sm = 0;
  int most_blocks = 0;     // of a kernel; 0: as many as it has work for
  bool load_only = false;  // gets the kernel ready instead
};

struct CodecKernels {
  std::string_view codec;
  Status (*run)(const DeviceHop& hop, const Launch& launch);
};

std::span<const CodecKernels> codec_kernels();

}  // namespace coll::device
