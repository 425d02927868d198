// Network interfaces as the kernel shows them to this process, in its own network namespace.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "topology/topology.hpp"

namespace coll::topo {

struct Interface {
  std::string name;
  std::string driver;  // "virtio_net", "veth", "bridge"; "" where the kernel does not tell
  std::string bus;     // PCI address of a device; "" for a virtual interface
  double gbits = 0;    // 0 where unknown
  bool up = false;     // configured, with a carrier
  bool loopback = false;
  bool fabric = false;  // an InfiniBand adapter, which has no network interface of its own
};

// Interfaces of this process's network namespace, and the fabric adapters of the machine.
std::vector<Interface> read_interfaces();
// The fabric adapters alone, from a folder like the kernel's.
std::vector<Interface> read_fabrics(const std::string& folder);

// Those that can carry messages to other nodes: devices that are up; where there are none, virtual interfaces that are
// up and end somewhere else (veth and its like), but no bridges, tunnels and dummies.
std::vector<Interface> usable_interfaces(std::span<const Interface> all);

}  // namespace coll::topo
