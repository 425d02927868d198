// Which network device a rank should use: one that is near its cores, each rank of a node in turn.
#pragma once

#include <string>
#include <vector>

#include "topology/topology.hpp"

namespace coll::topo {

// Where this process runs, as the kernel tells.
struct Locality {
  int numa = -1;               // the one NUMA node that it is bound to; -1 where it may run on several
  std::vector<int> distances;  // from there to each NUMA node; empty where unknown
};
// `folder` is like /sys/devices/system/node.
Locality own_locality(const std::string& folder = "/sys/devices/system/node");

// The device as UCX names it ("eth0", "mlx5_0:1"), "" where none is known. Adapters of a fabric are taken where every
// node has one, else network interfaces, so that ranks of different nodes can meet.
std::string near_device(const Topology& topology, int rank, const Locality& locality);

// Whether this process sees a device of that name, written as near_device() writes it: a file may describe others.
bool is_present(const std::string& device);

}  // namespace coll::topo
