// The cluster to plan for: as it is described, and as plans see it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "topology/topology.hpp"

namespace coll::plan_tool {

inline constexpr int kMostRanks = 1 << 20;

// What a flag or a key of the description has given; the rest follows from the machine, or is the default.
struct Description {
  std::optional<int> nodes;                // 4
  std::optional<int> ranks_per_node;       // 8
  std::optional<std::string> machine;      // hwloc's XML, a recorded machine, "this", or "cores": a core for each rank
  std::optional<std::string> tuning;       // a file of coll_tune; "none": default rates
  std::optional<int> nics;                 // of a node, each as fast as the others
  std::optional<double> gbits;             // of each of them
  std::optional<double> latency_us;        // from one node to another
  std::optional<int> nodes_per_switch;     // nodes that reach one another at their links' rate
  std::optional<double> oversubscription;  // of a switch: its nodes' links over its uplink; 1
  std::optional<std::string> memory;       // "device": ranks are on their node's GPUs, in turn; "host"
  std::optional<int> ranks_per_gpu;        // as few as there are GPUs for
  std::optional<bool> one_machine;         // the nodes are containers of one machine, as those of coll_cluster
};

// Every member as a key, and no others: see docs/simulator.md. collInvalidArgument names file, key and what it takes.
Status read_cluster_file(const std::string& path, Description* description);

// What is given, over what `base` gives.
Description merge(const Description& given, const Description& base);

struct Cluster {
  topo::Topology topology;
  std::string words;    // a few lines for people
  std::string warning;  // what could not be found out of this machine; "" where all could
};

// collInvalidArgument says what cannot be described so.
Status build(const Description& description, Cluster* cluster);

}  // namespace coll::plan_tool
