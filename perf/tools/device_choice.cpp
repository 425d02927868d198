#include "device_choice.hpp"

#include <algorithm>

namespace coll::perf {

int device_of(const DeviceChoice& choice, int devices) {
  const int fewest = (choice.local_ranks + devices - 1) / devices;
  const int each = choice.ranks_per_gpu > 0 ? choice.ranks_per_gpu : std::max(fewest, 1);
  return choice.local_rank / each % devices;
}

}  // namespace coll::perf
