// The instruction sets that kernels are compiled for, and which of them this machine has.
//
// A SIMD source is compiled once per set (see simd_targets.hpp) and hands out a table of functions for an Isa. All sets
// give the same bits, so the choice is one of speed only.
#pragma once

#include <string_view>
#include <vector>

namespace coll {

enum class Isa { kScalar, kSse4, kAvx2, kAvx512, kNeon };

std::string_view name(Isa isa);

// Every set that this machine can run, best last.
std::vector<Isa> list_isas();
// The last of them; found out once.
Isa best_isa();

}  // namespace coll
