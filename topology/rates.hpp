// What one core does, as the cost model sees it: measured or assumed.
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

// Of the order of what current machines reach; only their proportions matter. A tuning file has a machine's own.
struct Rates {
  static constexpr size_t kMostCodecs = 24;
  static constexpr CodecRate kUnknownCodec = {"", 4, 8};

  double reduce_gbs = 10;  // of each contribution's bytes
  double copy_gbs = 10;
  double kernel_copy_gbs = 5;                      // from another process's memory, in one system call
  double network_cpu_gbs = 3;                      // what the system's network stack moves, charged to both sides
  std::array<CodecRate, kMostCodecs> codecs = {};  // an empty name ends the list

  // That codec's rates, or kUnknownCodec.
  const CodecRate& codec(std::string_view name) const;
  // Adds one, or replaces it; false where there is no room or the name is too long.
  bool set_codec(std::string_view name, double encode_gbs, double decode_gbs);
};

}  // namespace coll::topo
