// Work of a program: arithmetic in registers, which takes a core and nothing else.
#pragma once

#include <cstddef>

namespace coll::perf {

// Returns what came out, so that it has to be computed.
double compute(size_t rounds);

// Rounds that take `us` microseconds where nothing disturbs them; measured once, at the first call.
size_t rounds_for(double us);

}  // namespace coll::perf
