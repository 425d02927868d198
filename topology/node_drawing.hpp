// One node in the drawing: its packages, NUMA nodes and cores as boxes in each other, with devices and ranks in them.
#pragma once

#include <string>
#include <string_view>

#include "topology/drawing.hpp"
#include "topology/topology.hpp"

namespace coll::topo {

// Told apart by people with any kind of colour sight (Okabe and Ito).
inline constexpr drawing::Style kCoreStyle = {"#e9e9e9", "#c8c8c8", "#6b6b6b"};
inline constexpr drawing::Style kTakenStyle = {"#0072b2", "#004c78", "#ffffff"};
inline constexpr drawing::Style kCrowdedStyle = {"#d55e00", "#8f3f00", "#ffffff"};
inline constexpr drawing::Style kRanksStyle = {"#d3e9f7", "#0072b2"};
inline constexpr std::string_view kInk = "#222222", kGrey = "#6b6b6b";
inline constexpr double kPad = 8;  // between a box and what is in it

// What has been drawn below each other from some place on.
struct Drawn {
  std::string shapes;
  double bottom = 0;
};

// Everything inside the node's box, from area.y on.
Drawn draw_node(const Topology& topology, const Node& node, const drawing::Box& area);

}  // namespace coll::topo
