// On which of its node's GPUs a rank is.
#pragma once

namespace coll::perf {

struct DeviceChoice {
  int local_rank = 0;  // among the ranks of its node
  int local_ranks = 1;
  int ranks_per_gpu = 0;  // 0: as few as there are devices for
};
int device_of(const DeviceChoice& choice, int devices);

}  // namespace coll::perf
