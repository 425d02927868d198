// What the links of GPUs cost: to their host's memory, and to one another.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "topology/topology.hpp"

namespace coll::topo {

// What is between a GPU and its host's memory, and between two GPUs of a node: NVLink, a switch of PCIe's, or the host.
enum class GpuLinkKind { kPcie, kNvLink, kPcieSwitch, kPcieHost };
inline constexpr std::array<std::string_view, 4> kGpuLinkNames = {"pcie", "nvlink", "pcie_switch", "pcie_host"};

// What is between a GPU and something else. The bandwidth, in one direction, is 0 where nobody knows it.
struct GpuLink {
  GpuLinkKind kind;
  LinkCost cost;
  bool own = false;  // NVLinks that lead nowhere else; other links are shared by all that the GPU reaches over them
};

GpuLink link_to_host(const Gpu& gpu);
GpuLink link_between(const Gpu& from, const Gpu& to);

// By GpuLinkKind; nothing where there is none, or where nobody knows what it carries.
using GpuLinkCosts = std::array<std::optional<LinkCost>, kGpuLinkNames.size()>;

// Of each kind the slowest that the nodes have.
GpuLinkCosts estimate_gpu_links(std::span<const Node> nodes);

}  // namespace coll::topo
