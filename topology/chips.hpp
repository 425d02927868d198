// A node's devices as its drawing shows them: a chip each, those below one PCI switch together.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "topology/drawing.hpp"
#include "topology/topology.hpp"

namespace coll::topo {

// Told apart by people with any kind of colour sight (Okabe and Ito).
inline constexpr drawing::Style kGpuStyle = {"#009e73", "#006b4e", "#ffffff"};
inline constexpr drawing::Style kNicStyle = {"#f3c35b", "#b37a00"};
inline constexpr drawing::Style kFabricStyle = {"#e0a8c8", "#a0527f"};
inline constexpr drawing::Style kNvLinkStyle = {"#d9f2ea", "#009e73"};

struct Chip {
  std::string words;
  std::string whole;  // where the pointer rests on it
  drawing::Style style;
};

struct DeviceChips {
  struct Switch {
    PciAddress address;
    std::vector<Chip> chips;
  };
  std::vector<Switch> switches;
  std::vector<Chip> others;  // below no switch that another device is below
};

// Those of a node of the topology that are on NUMA nodes for which `here` is true; GPUs with the ranks on them.
DeviceChips device_chips(const Topology& topology, const Node& node, const std::function<bool(int numa)>& here);

// What joins GPUs by NVLink: switches with the GPUs at them, and pairs of GPUs.
std::vector<Chip> nvlink_chips(const Node& node);

}  // namespace coll::topo
