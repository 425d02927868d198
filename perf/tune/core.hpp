// What one core does: copying, reducing, coding, and moving bytes through the system's network stack.
#pragma once

#include "perf/tools/files.hpp"
#include "topology/rates.hpp"

namespace coll::perf {

struct Effort {
  double seconds = 0.2;  // for each figure, at least
};

// On this thread. Throws std::bad_alloc.
Problem measure_core(const Effort& effort, topo::Rates* rates);

}  // namespace coll::perf
