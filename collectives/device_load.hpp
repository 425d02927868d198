// What one rank does to its GPU in a call whose steps are kernels (docs/gpu.md), added up over its plan's steps.
#pragma once

#include "collectives/planner.hpp"

namespace coll {

struct DeviceLoad {
  int steps = 0;  // of one chunk: those that have work for the device
  // Of the whole call:
  double memory_us = 0;     // what kernels read and write, at the rate of the device's memory
  double nvlink_in_us = 0;  // on the busiest of its NVLinks, or on all of those to switches
  double nvlink_out_us = 0;
  double pcie_in_us = 0;  // what comes from pinned memory of the host, or from other GPUs over PCIe
  double pcie_out_us = 0;
  double hosted_us = 0;        // what a core carries into this rank's pinned memory, from another's on the node
  double near_latency_us = 0;  // of the farthest rank of the node that it hears from
};

// Whether the steps of a plan are kernels where the call is on devices; else it is staged: brought to the host, run
// there like any other, and brought back.
bool has_kernels(const PlanQuery& query, const Plan& plan);

DeviceLoad device_load_of(const topo::Topology& topology, const PlanQuery& query, const Plan& plan);

// From a GPU to its host's memory.
topo::LinkCost host_link(const topo::Topology& topology, int rank);

}  // namespace coll
