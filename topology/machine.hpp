// A machine as hwloc sees it: this one, or one that was written down as hwloc's XML.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "topology/topology.hpp"

struct hwloc_topology;
struct hwloc_obj;

namespace coll::topo {

struct UnloadMachine {
  void operator()(hwloc_topology* machine) const;
};
using Machinery = std::unique_ptr<hwloc_topology, UnloadMachine>;

// Empty where hwloc cannot read it. Both keep what a Node has room for, and load none of hwloc's libraries for devices.
Machinery load_this_machine();
Machinery load_xml(const std::string& xml);

// The one NUMA node that an I/O device is next to, or -1; -1 for none.
int numa_of(hwloc_topology* machine, hwloc_obj* device);

// What a name of libcoll's own, or of hwloc's, says of it in the file; "" where nothing.
std::string info_of(hwloc_obj* object, const char* name);

// Packages, NUMA nodes and cores, ordered by package.
std::vector<Domain> domains_of(hwloc_topology* machine);

}  // namespace coll::topo
