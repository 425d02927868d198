#include "topology/gpus.hpp"

#include <hwloc.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "base/status.hpp"
#include "topology/discover.hpp"
#include "topology/machine.hpp"
#include "topology/nvml.hpp"

namespace coll::topo {

namespace {

constexpr unsigned kClassDisplay = 0x03;  // PCI base class; 0x0300 VGA, 0x0302 3D
constexpr unsigned kClass3d = 0x0302;
constexpr unsigned kClassAccelerator = 0x12;
constexpr unsigned kNvidia = 0x10de;
constexpr unsigned kGpuVendors[] = {kNvidia, 0x1002, 0x8086};  // whose VGA devices compute: no board's management chip
constexpr size_t kMostPeers = 64;                              // that a file may name

std::string name_of(hwloc_obj_t device) {
  const auto& pci = device->attr->pcidev;
  if (device->name != nullptr && *device->name != '\0') return device->name;
  char text[64];
  std::snprintf(text, sizeof(text), "pci %04x:%02x:%02x.%x %04x:%04x", pci.domain, pci.bus, pci.dev, pci.func,
                pci.vendor_id, pci.device_id);
  return text;
}

bool computes(hwloc_obj_t device) {
  const auto& pci = device->attr->pcidev;
  if (pci.class_id >> 8 == kClassAccelerator || pci.class_id == kClass3d) return true;
  return pci.class_id >> 8 == kClassDisplay &&
         std::find(std::begin(kGpuVendors), std::end(kGpuVendors), pci.vendor_id) != std::end(kGpuVendors);
}

bool has_nvidia_gpu(hwloc_topology_t machine) {
  hwloc_obj_t device = nullptr;
  while ((device = hwloc_get_next_pcidev(machine, device)) != nullptr) {
    if (computes(device) && device->attr->pcidev.vendor_id == kNvidia) return true;
  }
  return false;
}

PciAddress address_of(const hwloc_obj_attr_u::hwloc_pcidev_attr_s& pci) {
  return pci_address(pci.domain, pci.bus, pci.dev, pci.func);
}

uint64_t number_of(std::string_view digits) {
  uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

// What libcoll has written of a GPU into a file.
GpuFacts written_facts(hwloc_obj_t device) {
  GpuFacts facts;
  facts.product = info_of(device, kProductInfo);
  facts.pcie_bytes_per_s = number_of(info_of(device, kPcieInfo));
  facts.nvlinks = parse_nvlinks(info_of(device, kNvLinksInfo));
  return facts;
}

// Whether any GPU or network device but the one itself is below so many of its bridges.
bool is_shared(const Node& node, const PciPath& path, size_t bridges) {
  const auto below = [&](const auto& device) {
    return device.path != path && shared_steps(device.path, path) >= bridges;
  };
  return std::any_of(node.gpus.begin(), node.gpus.end(), below) ||
         std::any_of(node.nics.begin(), node.nics.end(), below);
}

}  // namespace

std::vector<Gpu> gpus_of(hwloc_topology* machine) {
  std::vector<Gpu> gpus;
  hwloc_obj_t device = nullptr;
  while ((device = hwloc_get_next_pcidev(machine, device)) != nullptr) {
    if (computes(device)) gpus.push_back({name_of(device), numa_of(machine, device), path_of(device), {}});
  }
  while ((device = hwloc_get_next_osdev(machine, device)) != nullptr) {
    if (device->attr->osdev.type != HWLOC_OBJ_OSDEV_GPU || device->parent->type == HWLOC_OBJ_PCI_DEVICE) continue;
    const std::string name = device->name != nullptr ? device->name : "";
    gpus.push_back({name, numa_of(machine, device), path_of(device), written_facts(device)});
  }
  return gpus;
}

void add_nvml_facts(hwloc_topology* machine, const std::string& library, std::vector<Gpu>* gpus,
                    std::vector<std::string>* missing) {
  if (!has_nvidia_gpu(machine)) return;
  std::string failure;
  for (NvmlGpu& told : read_nvml(library, &failure)) {
    const auto same = [&](const Gpu& gpu) { return !gpu.path.empty() && gpu.path.back() == told.address; };
    const auto gpu = std::find_if(gpus->begin(), gpus->end(), same);
    if (gpu != gpus->end()) gpu->facts = std::move(told.facts);
  }
  if (!failure.empty()) missing->push_back(text("NVML does not tell of GPUs (", failure, ")"));
}

PciPath path_of(hwloc_obj* device) {
  PciPath path;
  if (device == nullptr) return path;
  if (device->type == HWLOC_OBJ_OS_DEVICE && device->parent->type == HWLOC_OBJ_PCI_DEVICE) device = device->parent;
  if (device->type != HWLOC_OBJ_PCI_DEVICE) return parse_path(info_of(device, kPciPathInfo));
  path.push_back(address_of(device->attr->pcidev));
  for (const hwloc_obj* at = device->parent; at != nullptr && at->type == HWLOC_OBJ_BRIDGE; at = at->parent) {
    const auto& bridge = at->attr->bridge;
    path.push_back(bridge.upstream_type == HWLOC_OBJ_BRIDGE_PCI
                       ? address_of(bridge.upstream.pci)
                       : pci_address(bridge.downstream.pci.domain, bridge.downstream.pci.secondary_bus, 0, 0));
  }
  std::reverse(path.begin(), path.end());
  return path;
}

const Nic* nearest_nic(const Node& node, const Gpu& gpu) {
  const Nic* nearest = nullptr;
  size_t most = 0;
  for (const Nic& nic : node.nics) {
    const size_t steps = shared_steps(nic.path, gpu.path);
    const bool first_near = nearest == nullptr && gpu.numa >= 0 && nic.numa == gpu.numa;
    if (steps > most || first_near) nearest = &nic;
    most = std::max(most, steps);
  }
  return nearest;
}

std::optional<PciAddress> switch_of(const Node& node, const PciPath& path) {
  for (size_t bridges = path.empty() ? 0 : path.size() - 1; bridges > 1; --bridges) {
    if (is_shared(node, path, bridges)) return path[bridges - 1];
  }
  return std::nullopt;
}

std::string nvlinks_text(const std::vector<NvLinkPeer>& peers) {
  std::string all;
  for (const NvLinkPeer& peer : peers) {
    all += text(all.empty() ? "" : ",", peer.gpu ? pci_text(*peer.gpu) : kNvSwitch, "=", peer.bytes_per_s);
  }
  return all;
}

std::vector<NvLinkPeer> parse_nvlinks(std::string_view text) {
  std::vector<NvLinkPeer> peers;
  while (!text.empty() && peers.size() < kMostPeers) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos) continue;
    NvLinkPeer peer{parse_pci(part.substr(0, equals)), number_of(part.substr(equals + 1))};
    if (peer.gpu || part.substr(0, equals) == kNvSwitch) peers.push_back(peer);
  }
  return peers;
}

}  // namespace coll::topo
