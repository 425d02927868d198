// What one core does, and one device, as the cost model sees it: measured or assumed.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace coll::topo {

// Of float32 bytes on one core.
struct CodecRate {
  char name[16];  // as registered, ending with a zero
  double encode_gbs;
  double decode_gbs;
};

// What a device does. Assumed: nothing of it has been compared with one yet.
struct DeviceRates {
  double memory_gbs = 2000;  // what kernels read and write of its memory, together
  double pcie_gbs = 25;      // of a GPU whose link is not known, in one direction
  double step_us = 10;       // of a plan's step: the host opens its gate, a kernel starts and ends, the host sees that
};

// Of the order of what current machines reach; only their proportions matter. A tuning file has a machine's own.
struct Rates {
  static constexpr size_t kMostCodecs = 24;
  static constexpr CodecRate kUnknownCodec = {"", 4, 8};

  double reduce_gbs = 10;  // of each contribution's bytes
  double copy_gbs = 10;
  double kernel_copy_gbs = 5;                      // from another process's memory, in one system call
  double network_cpu_gbs = 3;                      // what the system's network stack moves, charged to both sides
  std::array<CodecRate, kMostCodecs> codecs = {};  // an empty name ends the list
  DeviceRates device;                              // as assumed: no tuning file has them

  // That codec's rates, or kUnknownCodec.
  const CodecRate& codec(std::string_view name) const;
  // Adds one, or replaces it; false where there is no room or the name is too long.
  bool set_codec(std::string_view name, double encode_gbs, double decode_gbs);
};

}  // namespace coll::topo
