#include "topology/discover.hpp"

#include <hwloc.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <thread>

#include "base/status.hpp"
#include "topology/gpus.hpp"
#include "topology/machine.hpp"
#include "topology/nvml.hpp"

namespace coll::topo {

namespace {

int count(hwloc_topology_t machine, hwloc_obj_type_t type) {
  return std::max(0, hwloc_get_nbobjs_by_type(machine, type));
}

// Largest cache of a kind; 0 where there is none.
size_t cache_bytes(hwloc_topology_t machine, hwloc_obj_type_t type) {
  size_t bytes = 0;
  hwloc_obj_t cache = nullptr;
  while ((cache = hwloc_get_next_obj_by_type(machine, type, cache)) != nullptr) {
    bytes = std::max(bytes, static_cast<size_t>(cache->attr->cache.size));
  }
  return bytes;
}

size_t bytes_of(const std::string& digits) {
  size_t bytes = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), bytes);
  return bytes;
}

double gbits_of(hwloc_obj_t device) {
  const std::string digits = info_of(device, kGbitsInfo);
  double gbits = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), gbits);
  return std::isfinite(gbits) && gbits > 0 ? gbits : 0;
}

void find_interfaces(hwloc_topology_t machine, std::span<const Interface> interfaces, Node* node) {
  for (const Interface& interface : usable_interfaces(interfaces)) {
    const hwloc_obj_t device =
        interface.bus.empty() ? nullptr : hwloc_get_pcidev_by_busidstring(machine, interface.bus.c_str());
    node->nics.push_back(
        {interface.name, interface.gbits, numa_of(machine, device), interface.fabric, path_of(device)});
  }
}

std::string missing_text(const std::vector<std::string>& missing) {
  std::string all;
  for (const std::string& one : missing) all += text(all.empty() ? "" : ", ", one);
  return all.empty() ? all : text("the topology of the node is incomplete: ", all);
}

}  // namespace

Node plain_node(int pus) {
  Node node;
  node.packages = node.numa_nodes = 1;
  node.cores = node.pus = node.system_pus = pus;
  return node;
}

int allowed_pus() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return CPU_COUNT(&allowed);
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

std::string host_name() {
  char name[256] = "";
  if (gethostname(name, sizeof(name) - 1) != 0 || *name == '\0') return "unknown";
  return name;
}

std::vector<Nic> nics_of(hwloc_topology* machine) {
  std::vector<Nic> devices;
  std::vector<Nic> virtuals;
  hwloc_obj_t device = nullptr;
  while ((device = hwloc_get_next_osdev(machine, device)) != nullptr) {
    const bool fabric = device->attr->osdev.type == HWLOC_OBJ_OSDEV_OPENFABRICS;
    const std::string name = device->name != nullptr ? device->name : "";
    if ((!fabric && device->attr->osdev.type != HWLOC_OBJ_OSDEV_NETWORK) || name.empty() || name == "lo") continue;
    const bool real = device->parent->type == HWLOC_OBJ_PCI_DEVICE || !info_of(device, kGbitsInfo).empty() ||
                      hwloc_get_non_io_ancestor_obj(machine, device) != hwloc_get_root_obj(machine);
    (real ? devices : virtuals).push_back({name, gbits_of(device), numa_of(machine, device), fabric, path_of(device)});
  }
  std::vector<Nic>& found = devices.empty() ? virtuals : devices;
  std::stable_sort(found.begin(), found.end(), [](const Nic& a, const Nic& b) { return a.fabric && !b.fabric; });
  return std::move(found);
}

Node discover_from(hwloc_topology* machine, std::span<const Interface> interfaces, std::string* warning,
                   const std::string& nvml_library) {
  std::vector<std::string> missing;
  Node node;
  node.packages = count(machine, HWLOC_OBJ_PACKAGE);
  node.numa_nodes = count(machine, HWLOC_OBJ_NUMANODE);
  node.cores = count(machine, HWLOC_OBJ_CORE);
  node.pus = node.system_pus = std::max(1, count(machine, HWLOC_OBJ_PU));
  if (node.packages == 0 || node.cores == 0) {
    missing.emplace_back(
        text("no packages and cores are known, so every one of the ", node.pus, " PUs counts as a core"));
    node.packages = std::max(1, node.packages);
    node.cores = node.cores == 0 ? node.pus : node.cores;
  }
  node.l2_bytes = cache_bytes(machine, HWLOC_OBJ_L2CACHE);
  node.l3_bytes = cache_bytes(machine, HWLOC_OBJ_L3CACHE);
  const hwloc_obj_t root = hwloc_get_root_obj(machine);
  if (node.l2_bytes == 0) node.l2_bytes = bytes_of(info_of(root, kL2Info));
  if (node.l3_bytes == 0) node.l3_bytes = bytes_of(info_of(root, kL3Info));
  node.memory_bytes = static_cast<size_t>(root->total_memory);
  node.host = info_of(root, "HostName");
  node.domains = domains_of(machine);
  find_interfaces(machine, interfaces, &node);
  node.gpus = gpus_of(machine);
  if (!nvml_library.empty()) add_nvml_facts(machine, nvml_library, &node.gpus, &missing);
  if (hwloc_get_next_pcidev(machine, nullptr) == nullptr && hwloc_get_next_osdev(machine, nullptr) == nullptr) {
    missing.emplace_back("no PCI devices are visible, so GPUs and the places of NICs are unknown");
  }
  *warning = missing_text(missing);
  return node;
}

Node discover_node(std::string* warning) {
  const std::vector<Interface> interfaces = read_interfaces();
  Node node;
  if (const Machinery machine = load_this_machine(); machine != nullptr) {
    node = discover_from(machine.get(), interfaces, warning, kNvmlLibrary);
    node.pus = allowed_pus();
  } else {
    node = plain_node(allowed_pus());
    for (const Interface& interface : usable_interfaces(interfaces)) {
      node.nics.push_back({interface.name, interface.gbits, -1, interface.fabric, {}});
    }
    *warning =
        missing_text({text("hwloc cannot read this machine, so it counts as one package of ", node.pus, " PUs")});
  }
  node.host = host_name();
  return node;
}

}  // namespace coll::topo
