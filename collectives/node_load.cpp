#include "collectives/node_load.hpp"

#include <algorithm>

namespace coll {

namespace {

// Ranks that stand for a node's; the root for itself.
std::vector<Sample> samples_of(const topo::Node& node, int root) {
  std::vector<int> ranks = node.ranks;
  std::vector<Sample> samples;
  if (const auto at = std::find(ranks.begin(), ranks.end(), root); at != ranks.end()) {
    samples.push_back({root, 1});
    ranks.erase(at);
  }
  sample(ranks, &samples);
  return samples;
}

void add(const Load& load, double weight, NodeLoad* node) {
  Load& most = node->most;
  Load& sum = node->sum;
  if (load.work_us > most.work_us) most.by_kind = load.by_kind;
  most.message_us = std::max(most.message_us, load.message_us);
  most.work_us = std::max(most.work_us, load.work_us);
  most.sources = std::max(most.sources, load.sources);
  most.near_latency_us = std::max(most.near_latency_us, load.near_latency_us);
  for (size_t kind = 0; kind < sum.read.size(); ++kind) sum.read[kind] += weight * load.read[kind];
  sum.message_us += weight * load.message_us;
  sum.work_us += weight * load.work_us;
  for (size_t kind = 0; kind < sum.by_kind.size(); ++kind) sum.by_kind[kind] += weight * load.by_kind[kind];
  sum.net_in += weight * load.net_in;
  sum.net_out += weight * load.net_out;
  sum.up_in += weight * load.up_in;
  sum.up_out += weight * load.up_out;
}

void add(const DeviceLoad& load, double weight, NodeLoad* node) {
  DeviceLoad& most = node->device_most;
  DeviceLoad& sum = node->device_sum;
  most.steps = std::max(most.steps, load.steps);
  most.near_latency_us = std::max(most.near_latency_us, load.near_latency_us);
  for (const auto figure : {&DeviceLoad::memory_us, &DeviceLoad::nvlink_in_us, &DeviceLoad::nvlink_out_us,
                            &DeviceLoad::pcie_in_us, &DeviceLoad::pcie_out_us}) {
    most.*figure = std::max(most.*figure, load.*figure);
    sum.*figure += weight * load.*figure;
  }
}

// Of what a rank does on the host, what is left where its steps are kernels: the network, and what a core carries from
// one rank's pinned memory to another's.
Load left_to_host(const Load& all, const DeviceLoad& device) {
  Load load = all;
  load.message_us = all.far_message_us;
  load.by_kind = {};
  load.by_kind[static_cast<size_t>(Work::kNetwork)] = all.by_kind[static_cast<size_t>(Work::kNetwork)];
  load.by_kind[static_cast<size_t>(Work::kShared)] = device.hosted_us;
  load.work_us = all.by_kind[static_cast<size_t>(Work::kNetwork)] + device.hosted_us;
  load.read = {};
  load.near_latency_us = device.near_latency_us;
  return load;
}

}  // namespace

void sample(const std::vector<int>& all, std::vector<Sample>* samples) {
  if (all.empty()) return;
  samples->push_back({all.front(), 1});
  const auto between = static_cast<int>(all.size()) - 2;
  if (between > 0) samples->push_back({all[all.size() / 2], between});  // in a tree, an inner one
  if (between >= 0) samples->push_back({all.back(), 1});
}

NodeLoad node_load_of(const topo::Topology& topology, const PlanQuery& query, const Algorithm& algorithm,
                      const topo::Node& node) {
  NodeLoad all;
  const int root = has_root(query.func) ? query.root : -1;
  const bool on_devices = is_on_devices(topology, query);
  for (const auto& [rank, weight] : samples_of(node, root)) {
    PlanQuery as_rank = query;
    as_rank.rank = rank;
    const Plan plan = algorithm.plan(topology, as_rank);
    const Load load = load_of(topology, query, plan);
    if (on_devices && has_kernels(query, plan)) {
      const DeviceLoad device = device_load_of(topology, query, plan);
      add(left_to_host(load, device), weight, &all);
      add(device, weight, &all);
    } else {
      add(load, weight, &all);
      all.staged |= on_devices;
    }
    all.chunks = static_cast<double>(plan.chunks);
    if (plan.on_board) all.flag_share = kFlagShare;
    all.hops.in_node = std::max(all.hops.in_node, plan.hops.in_node);
    all.hops.between_nodes = std::max(all.hops.between_nodes, plan.hops.between_nodes);
    all.hops.relays = std::max(all.hops.relays, plan.hops.relays);
  }
  return all;
}

}  // namespace coll
