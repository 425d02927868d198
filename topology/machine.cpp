#include "topology/machine.hpp"

#include <hwloc.h>

#include <algorithm>
#include <functional>
#include <limits>

namespace coll::topo {

namespace {

// Components that load libraries of no use here (GL, OpenCL, CUDA, ...), that bind the thread to every core in turn
// (x86), or that do again what the Linux component does from sysfs (pci, whose library leaks).
constexpr const char* kUnwanted[] = {"gl", "opencl", "cuda", "nvml", "rsmi", "levelzero", "x86", "pci"};

using Prepare = std::function<bool(hwloc_topology_t)>;

Machinery load(const Prepare& prepare) {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return nullptr;
  Machinery machine(raw);
  for (const char* component : kUnwanted) {
    hwloc_topology_set_components(raw, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST,
                                  component);  // unknown ones are refused
  }
  hwloc_topology_set_all_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_NONE);
  for (const hwloc_obj_type_t type : {HWLOC_OBJ_PACKAGE, HWLOC_OBJ_CORE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE}) {
    hwloc_topology_set_type_filter(raw, type, HWLOC_TYPE_FILTER_KEEP_ALL);
  }
  // Groups are what devices hang off where a NUMA node is part of a package.
  hwloc_topology_set_type_filter(raw, HWLOC_OBJ_GROUP, HWLOC_TYPE_FILTER_KEEP_STRUCTURE);
  hwloc_topology_set_type_filter(raw, HWLOC_OBJ_BRIDGE, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
  hwloc_topology_set_type_filter(raw, HWLOC_OBJ_PCI_DEVICE, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
  if (!prepare(raw) || hwloc_topology_load(raw) != 0) return nullptr;
  return machine;
}

// The runs of cores, taken together where they continue the one before.
void append(const CoreRun& core, std::vector<CoreRun>* runs) {
  if (!runs->empty()) {
    CoreRun& last = runs->back();
    const int step = core.first - (last.first + (last.cores - 1) * last.step);
    const bool alike = core.threads == last.threads && (core.threads == 1 || core.stride == last.stride);
    if (alike && step > 0 && (last.cores == 1 || step == last.step)) {
      last.step = step;
      ++last.cores;
      return;
    }
  }
  runs->push_back(core);
}

// A core's hardware threads, which are evenly numbered wherever that has been seen; where not, the first ones are kept.
CoreRun run_of(hwloc_const_cpuset_t threads) {
  CoreRun run;
  run.first = hwloc_bitmap_first(threads);
  const int second = hwloc_bitmap_next(threads, run.first);
  if (second < 0) return run;
  run.stride = second - run.first;
  for (int pu = second; pu >= 0 && pu == run.first + run.threads * run.stride; pu = hwloc_bitmap_next(threads, pu)) {
    ++run.threads;
  }
  return run;
}

// The cores of a set of hardware threads; each of these is one where no cores are known.
std::vector<CoreRun> runs_in(hwloc_topology_t machine, hwloc_const_cpuset_t pus) {
  std::vector<CoreRun> runs;
  const hwloc_obj_type_t type = hwloc_get_nbobjs_by_type(machine, HWLOC_OBJ_CORE) > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
  hwloc_obj_t core = nullptr;
  while ((core = hwloc_get_next_obj_inside_cpuset_by_type(machine, pus, type, core)) != nullptr) {
    if (!hwloc_bitmap_iszero(core->cpuset)) append(run_of(core->cpuset), &runs);
  }
  return runs;
}

// A NUMA node's cores in one package (-1: where there are no packages). Memory without cores of its own, or with the
// cores of a NUMA node before it, as of a GPU or a second kind of memory, makes no domain.
void add_domain(hwloc_topology_t machine, hwloc_obj_t numa, hwloc_obj_t package, std::vector<Domain>* domains) {
  hwloc_bitmap_t pus = hwloc_bitmap_dup(numa->cpuset);
  if (pus == nullptr) return;
  if (package != nullptr) hwloc_bitmap_and(pus, pus, package->cpuset);
  Domain domain;
  domain.numa = static_cast<int>(numa->os_index);
  domain.package = package != nullptr ? static_cast<int>(package->logical_index) : 0;
  domain.runs = runs_in(machine, pus);
  hwloc_bitmap_free(pus);
  const bool known = std::any_of(domains->begin(), domains->end(), [&](const Domain& other) {
    return other.package == domain.package && other.pus() == domain.pus();
  });
  if (domain.runs.empty() || known) return;
  const bool first_part =
      std::none_of(domains->begin(), domains->end(), [&](const Domain& other) { return other.numa == domain.numa; });
  if (first_part) domain.memory_bytes = static_cast<size_t>(numa->attr->numanode.local_memory);
  domains->push_back(std::move(domain));
}

}  // namespace

void UnloadMachine::operator()(hwloc_topology* machine) const { hwloc_topology_destroy(machine); }

Machinery load_this_machine() {
  return load([](hwloc_topology_t) { return true; });
}

Machinery load_xml(const std::string& xml) {
  if (xml.size() >= static_cast<size_t>(std::numeric_limits<int>::max())) return nullptr;
  return load([&xml](hwloc_topology_t machine) {
    hwloc_topology_set_type_filter(machine, HWLOC_OBJ_OS_DEVICE, HWLOC_TYPE_FILTER_KEEP_ALL);
    // hwloc counts the closing zero.
    return hwloc_topology_set_xmlbuffer(machine, xml.c_str(), static_cast<int>(xml.size() + 1)) == 0;
  });
}

int numa_of(hwloc_topology* machine, hwloc_obj* device) {
  const hwloc_obj_t near = device != nullptr ? hwloc_get_non_io_ancestor_obj(machine, device) : nullptr;
  if (near == nullptr || near->nodeset == nullptr || hwloc_bitmap_weight(near->nodeset) != 1) return -1;
  return hwloc_bitmap_first(near->nodeset);
}

std::string info_of(hwloc_obj* object, const char* name) {
  const char* const value = hwloc_obj_get_info_by_name(object, name);
  return value != nullptr ? value : "";
}

std::vector<Domain> domains_of(hwloc_topology* machine) {
  std::vector<Domain> domains;
  const int packages = std::max(0, hwloc_get_nbobjs_by_type(machine, HWLOC_OBJ_PACKAGE));
  for (int i = 0; i < std::max(1, packages); ++i) {
    const hwloc_obj_t package =
        packages > 0 ? hwloc_get_obj_by_type(machine, HWLOC_OBJ_PACKAGE, static_cast<unsigned>(i)) : nullptr;
    hwloc_obj_t numa = nullptr;
    while ((numa = hwloc_get_next_obj_by_type(machine, HWLOC_OBJ_NUMANODE, numa)) != nullptr) {
      add_domain(machine, numa, package, &domains);
    }
  }
  return domains;
}

}  // namespace coll::topo
