// How the ranks of a node come to share a segment, and the parts that make_shm() puts together.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "transport/shm/shm.hpp"

namespace coll::shm {

inline size_t local_index(const std::vector<int>& local_ranks, int rank) {
  return static_cast<size_t>(std::find(local_ranks.begin(), local_ranks.end(), rank) - local_ranks.begin());
}

// Where a rank stands among the others.
struct Place {
  std::vector<int> local_ranks;
  int rank;
  int nranks;
  std::vector<pid_t> processes;  // beside local_ranks
  std::shared_ptr<Regions> regions;
};

// `allocate` gives the rank's arena its pages.
std::unique_ptr<Transport> make_transport(Segment segment, const Place& place, Allocate allocate);

}  // namespace coll::shm
