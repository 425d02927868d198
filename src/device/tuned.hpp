// Written by perf/gpu/sweep. These are first guesses: no sweep has run yet.
#pragma once

// {compute capability from which on, threads of a block, blocks on a processor}
#define COLL_TUNED_GRIDS \
  {80, 256, 8}, { 90, 256, 8 }
#define COLL_TUNED_BYTES_IN_FLIGHT 64
