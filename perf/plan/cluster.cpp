#include "cluster.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "../tools/device_choice.hpp"
#include "topology/gpu_links.hpp"
#include "topology/links.hpp"
#include "topology/machine_file.hpp"
#include "topology/made_up.hpp"
#include "topology/tuning_file.hpp"
#include "topology/views.hpp"

namespace coll::plan_tool {

namespace {

namespace fs = std::filesystem;

constexpr int kMostRanksPerNode = topo::kMostPus;
constexpr const char *kHost = "host", *kDevice = "device";  // memory

// Where the recorded machines lie, beside the folder of the program.
fs::path machines_folder() {
  std::error_code failed;
  const fs::path program = fs::read_symlink("/proc/self/exe", failed);
  return (program.parent_path() / COLL_MACHINES).lexically_normal();
}

std::string recorded_names() {
  std::vector<std::string> names;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(machines_folder(), failed)) names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return fmt::format("{}", fmt::join(names, ", "));
}

topo::Node made_up(int ranks) {
  topo::Node node;
  node.host = "node";
  node.packages = node.numa_nodes = 1;
  node.cores = node.pus = node.system_pus = ranks;
  return node;
}

Status find_machine(const std::string& machine, int ranks, topo::Node* node, std::string* warning) {
  if (machine == "cores") {
    *node = made_up(ranks);
    return {};
  }
  if (machine == "this") return topo::find_node("", node, warning);
  if (machine.ends_with(".xml") || machine.find('/') != std::string::npos) {
    return topo::read_machine_file(machine, node, warning);
  }
  const fs::path recorded = machines_folder() / (machine + ".xml");
  std::error_code failed;
  if (!fs::exists(recorded, failed)) {
    return {collInvalidArgument,
            fmt::format("machine \"{}\": give a file that ends in .xml, this, cores, or one of the "
                        "recorded machines: {}",
                        machine, recorded_names())};
  }
  return topo::read_machine_file(recorded, node, warning);
}

template <typename T>
Status check_range(const char* what, const std::optional<T>& value, T least, T most) {
  if (!value || (*value >= least && *value <= most)) return {};
  return {collInvalidArgument, fmt::format("{}: {} is not from {} to {}", what, *value, least, most)};
}

Status check(const Description& d) {
  COLL_TRY(check_range("nodes", d.nodes, 1, kMostRanks));
  COLL_TRY(check_range("ranks per node", d.ranks_per_node, 1, kMostRanksPerNode));
  COLL_TRY(check_range("nics", d.nics, 1, 64));
  COLL_TRY(check_range("gbits", d.gbits, 1e-3, 1e5));
  COLL_TRY(check_range("latency_us", d.latency_us, 1e-3, 1e6));
  COLL_TRY(check_range("nodes per switch", d.nodes_per_switch, 1, kMostRanks));
  COLL_TRY(check_range("oversubscription", d.oversubscription, 1.0, 1000.0));
  if (d.oversubscription && *d.oversubscription > 1 && !d.nodes_per_switch) {
    return {collInvalidArgument,
            "an oversubscription is that of switches: say how many nodes each has (nodes per switch)"};
  }
  const std::string memory = d.memory.value_or(kHost);
  if (memory != kHost && memory != kDevice) {
    return {collInvalidArgument, fmt::format("memory \"{}\": it is host or device", memory)};
  }
  if (d.ranks_per_gpu && memory == kHost) return {collInvalidArgument, "ranks per GPU are those of memory device"};
  COLL_TRY(check_range("ranks per GPU", d.ranks_per_gpu, 1, kMostRanksPerNode));
  const auto ranks = int64_t{d.nodes.value_or(4)} * d.ranks_per_node.value_or(8);
  if (ranks > kMostRanks) return {collInvalidArgument, fmt::format("{} ranks are more than {}", ranks, kMostRanks)};
  return {};
}

// The links of the network, where the description says more than machine and tuning.
void set_network(const Description& d, topo::Topology* topology) {
  topo::LinkCost& net = topology->links[static_cast<size_t>(topo::LinkKind::kNetwork)];
  if (d.latency_us) net.latency_us = *d.latency_us;
  if (d.gbits) net.bandwidth_gbs = topo::payload_gbs(*d.gbits);
  // A rank sends through one device.
  net.bandwidth_gbs *= std::min(d.nics.value_or(1), d.ranks_per_node.value_or(8));
  if (!d.nodes_per_switch) return;
  topology->switches = {*d.nodes_per_switch, net.bandwidth_gbs * *d.nodes_per_switch / d.oversubscription.value_or(1)};
}

// Ranks on the GPUs of their nodes, with calls of all lengths on them.
Status place_on_gpus(const Description& d, topo::Topology* topology) {
  if (d.memory.value_or(kHost) == kHost) return {};
  const auto gpus = static_cast<int>(topology->nodes.front().gpus.size());
  if (gpus == 0) {
    return {collInvalidArgument,
            fmt::format("memory device: a node of machine \"{}\" has no GPUs; name one that has, as "
                        "server_8_gpus",
                        d.machine.value_or("cores"))};
  }
  for (const int local : topology->local_of) {
    topology->gpu_of.push_back(
        perf::device_of({local, d.ranks_per_node.value_or(8), d.ranks_per_gpu.value_or(0)}, gpus));
  }
  return {};
}

// "on GPUs 0 to 7: 0.7 us, 450 GB/s by nvlink; ..."
std::string device_words(const topo::Topology& topology) {
  const std::vector<int>& ranks = topology.nodes.front().ranks;
  std::set<int> taken;
  for (const int rank : ranks) taken.insert(topology.gpu_of[static_cast<size_t>(rank)]);
  std::string links;
  const topo::GpuLinkCosts costs = topo::estimate_gpu_links(topology.nodes);
  for (size_t kind = 0; kind < costs.size(); ++kind) {
    if (!costs[kind]) continue;
    links += fmt::format("; {:.4g} us, {:.4g} GB/s by {}", costs[kind]->latency_us, costs[kind]->bandwidth_gbs,
                         topo::kGpuLinkNames[kind]);
  }
  const topo::DeviceRates& rates = topology.rates.device;
  if (links.empty()) links = fmt::format("; PCIe is not known, {:.4g} GB/s are assumed", rates.pcie_gbs);
  return fmt::format("calls on device memory, {} ranks on {} GPUs of a node{}\n", ranks.size(), taken.size(), links);
}

std::string words_of(const Description& d, const topo::Topology& topology) {
  std::string node = topo::summary(topology.nodes.front());
  node.erase(0, node.find(": ") + 2);  // the host's name, which is made up
  const size_t gpus = topology.nodes.front().gpus.size();
  if (gpus > 0) node += fmt::format(", {} GPU{}", gpus, gpus == 1 ? "" : "s");
  const auto& shm = topology.cost(topo::LinkKind::kSharedMemory);
  const auto& net = topology.cost(topo::LinkKind::kNetwork);
  std::string words =
      fmt::format("{} node{} x {} rank{}{}: {}\n", topology.nodes.size(), topology.nodes.size() == 1 ? "" : "s",
                  d.ranks_per_node.value_or(8), d.ranks_per_node.value_or(8) == 1 ? "" : "s",
                  d.one_machine.value_or(false) ? " on one machine" : "", node);
  words += fmt::format("links: {:.4g} us, {:.4g} GB/s in a node", shm.latency_us, shm.bandwidth_gbs);
  if (topology.nodes.size() > 1) {
    words += fmt::format("; {:.4g} us, {:.4g} GB/s between nodes", net.latency_us, net.bandwidth_gbs);
  }
  if (topology.switches.nodes > 0) {
    words += fmt::format("; {:.4g} GB/s up from each {} nodes ({:g}:1)", topology.switches.uplink_gbs,
                         topology.switches.nodes, d.oversubscription.value_or(1));
  }
  const std::string tuning = d.tuning.value_or("none");
  words += fmt::format("\nrates: {}\n", tuning == "none" ? "defaults" : tuning);
  return topology.on_devices() ? words + device_words(topology) : words;
}

}  // namespace

Description merge(const Description& given, const Description& base) {
  Description all = base;
  const auto take = [](const auto& from, auto* to) {
    if (from) *to = from;
  };
  take(given.nodes, &all.nodes);
  take(given.ranks_per_node, &all.ranks_per_node);
  take(given.machine, &all.machine);
  take(given.tuning, &all.tuning);
  take(given.nics, &all.nics);
  take(given.gbits, &all.gbits);
  take(given.latency_us, &all.latency_us);
  take(given.nodes_per_switch, &all.nodes_per_switch);
  take(given.oversubscription, &all.oversubscription);
  take(given.memory, &all.memory);
  take(given.ranks_per_gpu, &all.ranks_per_gpu);
  take(given.one_machine, &all.one_machine);
  return all;
}

Status build(const Description& d, Cluster* cluster) {
  COLL_TRY(check(d));
  const int ranks = d.ranks_per_node.value_or(8);
  topo::Node node;
  COLL_TRY(find_machine(d.machine.value_or("cores"), ranks, &node, &cluster->warning));
  topo::Tuning tuning;
  if (d.tuning && *d.tuning != "none") {
    topo::TuningFile file;
    COLL_TRY(topo::read_tuning(*d.tuning, &file));
    tuning.measured = file.links;
    tuning.rates = file.rates;
  }
  const auto machines = d.one_machine.value_or(false) ? topo::Machines::kOneForAll : topo::Machines::kOneEach;
  cluster->topology = topo::cluster_of(node, d.nodes.value_or(4), ranks, tuning, machines);
  set_network(d, &cluster->topology);
  COLL_TRY(place_on_gpus(d, &cluster->topology));
  cluster->words = words_of(d, cluster->topology);
  return {};
}

}  // namespace coll::plan_tool
