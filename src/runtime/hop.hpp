// The arithmetic of one hop: several contributions of a shard's part in, the value out, one pass over memory.
//
// Contributions are combined tile by tile in the L1 cache: decode, reduce, encode and decode again are stages of one
// loop, so that a compressed hop reads its inputs once and writes its outputs once.
#pragma once

#include <cstddef>
#include <span>

#include "base/types.hpp"
#include "collectives/plan.hpp"
#include "compression/codec.hpp"

namespace coll {

// Outputs of so many bytes are better streamed: what follows would push them out of the caches anyway.
inline constexpr size_t kStreamedBytes = size_t{16} << 20;

struct Contribution {
  Wire wire;
  const std::byte* data;
  bool recode = false;  // stands for what its coded message decodes to
};

struct Hop {
  DataType type;
  RedOp op;
  int nranks;
  const Codec* codec = nullptr;  // needed where anything is coded
  Draw draw;                     // of this rank's contributions
  size_t count = 0;              // elements of the part
  bool finish = false;
  // What to make of the value; NULL where it is not wanted. `native` may be one of the contributions.
  std::byte* native = nullptr;
  std::byte* partial = nullptr;
  std::byte* coded = nullptr;  // native then holds what these bytes decode to
  bool stream = false;         // outputs that are not coded are written past the caches
  Isa isa = best_isa();        // of the reductions; the codec brings its own
};

// Combines in the order given; at least one contribution. Coded contributions must have been validated.
void run_hop(const Hop& hop, std::span<const Contribution> contributions);

}  // namespace coll
