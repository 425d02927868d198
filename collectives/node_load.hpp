// What the ranks of a node do in a call.
#pragma once

#include <vector>

#include "collectives/device_load.hpp"
#include "collectives/load.hpp"

namespace coll {

// One that stands for `weight` of its kind.
struct Sample {
  int at;
  int weight;
};

// The first, the last, and one for those between.
void sample(const std::vector<int>& all, std::vector<Sample>* samples);

struct NodeLoad {
  Load most;  // of any rank, each figure by itself; the kinds of work are those of the rank that works most
  Load sum;
  DeviceLoad device_most;  // the same of GPUs, by ranks whose steps are kernels
  DeviceLoad device_sum;
  Hops hops{0, 0, 1};
  double flag_share = 1;
  double chunks = 1;
  bool staged = false;  // on devices, the plan of some rank has no kernels
};

// From the plans of a few ranks, which stand for the others.
NodeLoad node_load_of(const topo::Topology& topology, const PlanQuery& query, const Algorithm& algorithm,
                      const topo::Node& node);

}  // namespace coll
