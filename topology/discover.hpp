// Discovery of the node this process runs on.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "topology/interfaces.hpp"
#include "topology/topology.hpp"

struct hwloc_topology;

namespace coll::topo {

// Never fails: what cannot be found out is left out, and `*warning` says in one sentence what that was ("" if nothing).
// Takes about 12 ms, most of it PCI, and where there are GPUs of NVIDIA's what NVML takes to start, so that one rank of
// a node does it for all.
Node discover_node(std::string* warning);

// The same from a loaded hwloc topology, for machines that were recorded or made up. Reads nothing of this machine but
// what the library tells of its GPUs; "" is none.
Node discover_from(hwloc_topology* machine, std::span<const Interface> interfaces, std::string* warning,
                   const std::string& nvml_library = {});

// The network devices that a topology read from a file names; where some have a place or a PCI address, only those.
std::vector<Nic> nics_of(hwloc_topology* machine);

// One package of as many cores as there are hardware threads, and nothing else that is known.
Node plain_node(int pus);

// Hardware threads that this process may run on.
int allowed_pus();
std::string host_name();

// What libcoll adds to hwloc's XML: infos of network devices and GPUs, and of the machine where no caches are
// described.
inline constexpr const char* kGbitsInfo = "CollGbits";
inline constexpr const char* kPciPathInfo = "CollPciPath";
inline constexpr const char* kProductInfo = "CollProduct";
inline constexpr const char* kPcieInfo = "CollPcieBytesPerSecond";
inline constexpr const char* kNvLinksInfo = "CollNvLinks";
inline constexpr const char* kL2Info = "CollL2Bytes";
inline constexpr const char* kL3Info = "CollL3Bytes";

}  // namespace coll::topo
