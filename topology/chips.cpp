#include "topology/chips.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "base/status.hpp"
#include "topology/gpus.hpp"
#include "topology/views.hpp"
#include "topology/words.hpp"

namespace coll::topo {

namespace {

// "14:00.0": the domain is left out where it is the first one.
std::string short_address(const std::string& address) {
  return address.starts_with("0000:") ? address.substr(5) : address;
}

// "GPU 14:00.0" of "pci 0000:14:00.0 10de:2330".
std::string gpu_label(const std::string& name) {
  if (!name.starts_with("pci ")) return text("GPU ", name);
  return text("GPU ", short_address(name.substr(4, name.find(' ', 4) - 4)));
}

std::string rate_of(uint64_t bytes_per_s) { return bytes_per_s > 0 ? rate_text(bytes_per_s) : "rate ?"; }

std::vector<int> ranks_on(const Topology& topology, const Node& node, const Gpu& gpu) {
  std::vector<int> ranks;
  std::copy_if(node.ranks.begin(), node.ranks.end(), std::back_inserter(ranks),
               [&](int rank) { return topology.gpu_at(rank) == &gpu; });
  return ranks;
}

Chip chip_of(const Topology& topology, const Node& node, const Gpu& gpu) {
  const uint64_t pcie = gpu.facts.pcie_bytes_per_s;
  const std::string rate = pcie > 0 ? text("PCIe ", rate_text(pcie)) : "";
  const std::vector<int> ranks = ranks_on(topology, node, gpu);
  const std::string label = gpu_label(gpu.name);
  if (ranks.empty()) return {text(label, rate.empty() ? "" : " ", rate), describe(node, gpu), kGpuStyle};
  // The rate last, as the end is cut where there is little room.
  return {text(label, ": ", ranks_text(ranks), rate.empty() ? "" : ", ", rate),
          text(describe(node, gpu), ", ", ranks_text(ranks)), kGpuStyle};
}

Chip chip_of(const Nic& nic) {
  return {text(nic.name, nic.gbits > 0 ? text(" ", number(nic.gbits), " Gbit/s") : std::string(" rate ?")),
          describe(nic), nic.fabric ? kFabricStyle : kNicStyle};
}

void add(const Node& node, const PciPath& path, Chip chip, DeviceChips* all) {
  const std::optional<PciAddress> address = switch_of(node, path);
  if (!address) {
    all->others.push_back(std::move(chip));
    return;
  }
  auto at = std::find_if(all->switches.begin(), all->switches.end(),
                         [&](const DeviceChips::Switch& one) { return one.address == *address; });
  if (at == all->switches.end()) at = all->switches.insert(at, {*address, {}});
  at->chips.push_back(std::move(chip));
}

std::string address_label(const Gpu& gpu) {
  return gpu.path.empty() ? gpu.name : short_address(pci_text(gpu.path.back()));
}

}  // namespace

DeviceChips device_chips(const Topology& topology, const Node& node, const std::function<bool(int numa)>& here) {
  DeviceChips all;
  for (const Gpu& gpu : node.gpus) {
    if (here(gpu.numa)) add(node, gpu.path, chip_of(topology, node, gpu), &all);
  }
  for (const Nic& nic : node.nics) {
    if (here(nic.numa)) add(node, nic.path, chip_of(nic), &all);
  }
  return all;
}

std::vector<Chip> nvlink_chips(const Node& node) {
  std::map<uint64_t, std::vector<std::string>> at_switches;  // by rate
  std::map<std::pair<std::string, std::string>, uint64_t> pairs;
  for (const Gpu& gpu : node.gpus) {
    for (const NvLinkPeer& peer : gpu.facts.nvlinks) {
      const std::string own = address_label(gpu);
      const std::string other = peer.gpu ? short_address(pci_text(*peer.gpu)) : "";
      if (peer.gpu) {
        pairs[std::minmax(own, other)] = peer.bytes_per_s;
      } else {
        at_switches[peer.bytes_per_s].push_back(own);
      }
    }
  }
  std::vector<Chip> chips;
  for (const auto& [rate, gpus] : at_switches) {
    const std::string words =
        text("NVLink switches: ", counted(static_cast<int>(gpus.size()), "GPU"), ", ", rate_of(rate), " each");
    std::string whole = words + ":";
    for (const std::string& gpu : gpus) whole += " " + gpu;
    chips.push_back({words, whole, kNvLinkStyle});
  }
  for (const auto& [gpus, rate] : pairs) {
    chips.push_back({text("NVLink ", gpus.first, " - ", gpus.second, ", ", rate_of(rate)), {}, kNvLinkStyle});
  }
  return chips;
}

}  // namespace coll::topo
