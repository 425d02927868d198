#include "topology/gpu_links.hpp"

#include <algorithm>

namespace coll::topo {

namespace {

// Bytes of a program in what moves: of a PCIe packet with 256 bytes 24 are framing, header and checksum; of an NVLink
// packet with as many, one flit of 16 bytes is its header.
constexpr double kPciePayload = 256.0 / 280, kNvLinkPayload = 256.0 / 272;
constexpr double kGbs = 1e-9;  // of a byte/s
// Assumed, of the order of what such machines show; the way through the host is two of those to it.
constexpr double kPcieUs = 1.0, kNvLinkUs = 0.7, kPcieSwitchUs = 1.2, kPcieHostUs = 2 * kPcieUs;

double pcie_gbs(const Gpu& gpu) { return static_cast<double>(gpu.facts.pcie_bytes_per_s) * kGbs * kPciePayload; }

bool is_switch(const NvLinkPeer& peer) { return !peer.gpu; }

bool has_switch(const Gpu& gpu) { return std::any_of(gpu.facts.nvlinks.begin(), gpu.facts.nvlinks.end(), is_switch); }

// What the GPU's links to that one carry; 0 where it has none, or nobody knows.
double nvlink_gbs(const Gpu& from, const Gpu& to) {
  double gbs = 0;
  for (const NvLinkPeer& peer : from.facts.nvlinks) {
    const bool leads_there = peer.gpu ? !to.path.empty() && to.path.back() == *peer.gpu : has_switch(to);
    if (leads_there) gbs += static_cast<double>(peer.bytes_per_s) * kGbs * kNvLinkPayload;
  }
  return gbs;
}

void add_slowest(const GpuLink& link, GpuLinkCosts* costs) {
  auto& cost = (*costs)[static_cast<size_t>(link.kind)];
  const double gbs = link.cost.bandwidth_gbs;
  if (gbs > 0 && (!cost || gbs < cost->bandwidth_gbs)) cost = link.cost;
}

}  // namespace

GpuLink link_to_host(const Gpu& gpu) { return {GpuLinkKind::kPcie, {kPcieUs, pcie_gbs(gpu)}}; }

GpuLink link_between(const Gpu& from, const Gpu& to) {
  const double nvlink = std::min(nvlink_gbs(from, to), nvlink_gbs(to, from));
  if (nvlink > 0) return {GpuLinkKind::kNvLink, {kNvLinkUs, nvlink}, !has_switch(from)};
  const double pcie = std::min(pcie_gbs(from), pcie_gbs(to));
  const bool below_one_bridge = shared_steps(from.path, to.path) > 1;
  if (below_one_bridge) return {GpuLinkKind::kPcieSwitch, {kPcieSwitchUs, pcie}};
  return {GpuLinkKind::kPcieHost, {kPcieHostUs, pcie}};
}

GpuLinkCosts estimate_gpu_links(std::span<const Node> nodes) {
  GpuLinkCosts costs;
  for (const Node& node : nodes) {
    for (size_t i = 0; i < node.gpus.size(); ++i) {
      add_slowest(link_to_host(node.gpus[i]), &costs);
      for (size_t j = 0; j < i; ++j) add_slowest(link_between(node.gpus[j], node.gpus[i]), &costs);
    }
  }
  return costs;
}

}  // namespace coll::topo
