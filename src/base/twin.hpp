// Profiling twins, as MPI has them: every public function is exported under a second name with a p before it, so that a
// tool which defines the first can call the second.
#pragma once

#include "coll/coll.h"

// In the file that defines the function.
#define COLL_TWIN(name) extern "C" COLL_API decltype(name) p##name __attribute__((alias(#name)))
