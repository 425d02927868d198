// The α-β-γ model: what a plan's steps cost on a representative node, and how chunks overlap. See docs/algorithms.md.
#include "collectives/cost.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "collectives/node_load.hpp"
#include "collectives/rounds.hpp"

namespace coll {

namespace {

// Hardware threads that the node's ranks keep busy; nodes of one machine have its threads by their ranks.
double cores_of(const topo::Topology& topology, const topo::Node& node) {
  const auto ranks = static_cast<double>(node.ranks.size());
  const topo::Machine& machine = topology.machines[static_cast<size_t>(node.machine)];
  const double of_node = node.pus > 0 ? node.pus : ranks;
  const double of_machine = machine.pus > 0 ? machine.pus * ranks / machine.ranks : ranks;
  return std::min({ranks, of_node, of_machine});
}

// Ranks on the GPU of the node that has most of them; a rank on none that is known has one to itself.
int most_on_one_gpu(const topo::Topology& topology, const topo::Node& node) {
  std::vector<int> ranks(node.gpus.size(), 0);
  int most = 1;
  for (const int rank : node.ranks) {
    if (topology.gpu_at(rank) == nullptr) continue;
    most = std::max(most, ++ranks[static_cast<size_t>(topology.gpu_of[static_cast<size_t>(rank)])]);
  }
  return most;
}

// What a rank reads of its buffers, or writes to them, at most.
size_t input_bytes(const topo::Topology& topology, const PlanQuery& query) {
  const bool one_block = query.func == collFuncAllGather || query.func == collFuncGather;
  return one_block ? query.count * size_of(query.type) : vector_bytes(topology, query);
}
size_t output_bytes(const topo::Topology& topology, const PlanQuery& query) {
  const bool one_block = query.func == collFuncReduceScatter || query.func == collFuncScatter;
  return one_block ? query.count * size_of(query.type) : vector_bytes(topology, query);
}

class Predictor {
 public:
  Predictor(const topo::Topology& topology, const PlanQuery& query, const Algorithm& algorithm)
      : topology_(topology), query_(query), algorithm_(algorithm) {}

  // How long the call takes if the other nodes are like this one.
  Cost cost_of(size_t node) {
    const NodeLoad& load = load_of_node(node);
    Cost cost;
    cost.chunks = load.chunks;
    add_core(topology_.nodes[node], load, &cost);
    const Load& sum = load.sum;
    cost.link_us = us(std::max(sum.net_in * incast(topology_, load.most.sources), sum.net_out),
                      topology_.cost(topo::LinkKind::kNetwork).bandwidth_gbs) /
                   cost.chunks;
    if (topology_.switches.nodes > 0) cost.uplink_us = uplink_us(node) / cost.chunks;
    if (!topology_.spots.empty()) cost.parts_us = parts_us(topology_.nodes[node], sum) / cost.chunks;
    if (is_on_devices(topology_, query_)) add_device(topology_.nodes[node], load, &cost);
    add_time(topology_.nodes[node], load, &cost);
    return cost;
  }

 private:
  const NodeLoad& load_of_node(size_t node) {
    const auto [at, is_new] = loads_.try_emplace(node);
    if (is_new) at->second = node_load_of(topology_, query_, algorithm_, topology_.nodes[node]);
    return at->second;
  }

  // The busiest core's share: that of the rank with most to do, or of them all where they share cores.
  void add_core(const topo::Node& node, const NodeLoad& load, Cost* cost) const {
    const double cores = cores_of(topology_, node);
    cost->message_us = std::max(load.most.message_us, load.sum.message_us / cores);
    cost->work_us = std::max(load.most.work_us, load.sum.work_us / cores) / cost->chunks;
    const bool shared = load.sum.work_us / cores > load.most.work_us;
    for (size_t kind = 0; kind < cost->by_kind.size(); ++kind) {
      cost->by_kind[kind] = (shared ? load.sum.by_kind[kind] / cores : load.most.by_kind[kind]) / cost->chunks;
    }
  }

  // Of what all nodes of the switch send to others, or get from there.
  double uplink_us(size_t node) {
    const topo::NodeRange below = topology_.switch_of(static_cast<int>(node));
    std::vector<int> nodes(static_cast<size_t>(below.end - below.begin));
    std::iota(nodes.begin(), nodes.end(), below.begin);
    std::vector<Sample> samples;
    sample(nodes, &samples);
    double in = 0;
    double out = 0;
    for (const auto& [at, weight] : samples) {
      const Load& sum = load_of_node(static_cast<size_t>(at)).sum;
      in += weight * sum.up_in;
      out += weight * sum.up_out;
    }
    return us(std::max(in, out), topology_.switches.uplink_gbs);
  }

  // Of what ranks of a part of the node read from others, on the link that all of the part share.
  double parts_us(const topo::Node& node, const Load& sum) const {
    std::set<int> packages;
    std::set<std::pair<int, int>> domains;
    for (const int rank : node.ranks) {
      const topo::Spot spot = topology_.spot_of(rank);
      packages.insert(spot.package);
      domains.insert({spot.package, spot.domain});
    }
    const auto busy_us = [&](topo::LinkKind kind, size_t parts) {
      return us(sum.read[static_cast<size_t>(kind)] / static_cast<double>(parts), topology_.cost(kind).bandwidth_gbs);
    };
    return std::max(busy_us(topo::LinkKind::kPackage, packages.size()), busy_us(topo::LinkKind::kNuma, domains.size()));
  }

  // The busiest GPU's share: that of the rank with most to do, or of all that are on it.
  void add_device(const topo::Node& node, const NodeLoad& load, Cost* cost) const {
    const int on_one = most_on_one_gpu(topology_, node);
    const auto busiest = [&](double DeviceLoad::*figure) {
      const double all_on_one = load.device_sum.*figure * on_one / static_cast<double>(node.ranks.size());
      return std::max(load.device_most.*figure, all_on_one) / cost->chunks;
    };
    DeviceCost& device = cost->device;
    device.memory_us = busiest(&DeviceLoad::memory_us);
    device.nvlink_us = std::max(busiest(&DeviceLoad::nvlink_in_us), busiest(&DeviceLoad::nvlink_out_us));
    device.pcie_us = std::max(busiest(&DeviceLoad::pcie_in_us), busiest(&DeviceLoad::pcie_out_us));
    // A rank's steps follow one another, and so do the hops that lead from rank to rank.
    if (load.device_most.steps > 0) {
      device.steps_us = std::max(load.device_most.steps, load.hops.total()) * topology_.rates.device.step_us;
    }
    if (!load.staged) return;
    const auto bytes = static_cast<double>(input_bytes(topology_, query_) + output_bytes(topology_, query_));
    const topo::LinkCost pcie = host_link(topology_, node.ranks.front());
    device.staging_us = 2 * pcie.latency_us + on_one * us(bytes, pcie.bandwidth_gbs);
  }

  // One chunk from end to end, then one more whenever the busiest part is free and a chunk's memory is.
  void add_time(const topo::Node& node, const NodeLoad& load, Cost* cost) const {
    const auto ranks = static_cast<double>(node.ranks.size());
    const double crowding = node.pus > 0 ? std::max(1.0, ranks / node.pus) : 1;  // a node's ranks wait for one another
    const double latency_us = load.flag_share * load.hops.in_node * load.most.near_latency_us +
                              load.hops.between_nodes * topology_.cost(topo::LinkKind::kNetwork).latency_us +
                              cost->device.steps_us;
    cost->latency_us = latency_us * crowding;
    // In a broadcast a whole piece moves at every hop; elsewhere a rank's own steps mostly show all that happens to
    // one.
    cost->relays = query_.func == collFuncBroadcast ? std::max(load.hops.total(), 1) : load.hops.relays;
    // What crosses the node's parts does so while a core reads it; the network is waited for.
    const double in_node_us = std::max(cost->core_us(), cost->parts_us);
    const double busy_us = in_node_us + std::max(cost->link_us, cost->uplink_us) + cost->device.busy_us();
    cost->first_us = cost->latency_us + cost->relays * busy_us;
    // How long a rank holds on to a chunk: where its result need not come back, only from one hop to the next.
    cost->held_us =
        cost->first_us / (query_.func == collFuncAllReduce ? 1 : cost->relays) / std::max(query_.chunks_in_flight, 1);
    cost->next_us = std::max({cost->core_us(), cost->links_us(), cost->device.busy_us(), cost->held_us});
    cost->us = cost->first_us + (cost->chunks - 1) * cost->next_us + cost->device.staging_us;
  }

  const topo::Topology& topology_;
  const PlanQuery& query_;
  const Algorithm& algorithm_;
  std::map<size_t, NodeLoad> loads_;  // by node
};

// Nodes whose load bounds that of the others: rank 0's, which has work in the smallest calls, the largest, the
// smallest, one in the middle, which is not at the end of a tree, and that of the root. Most often they are two.
std::vector<size_t> representatives(const topo::Topology& topology, const PlanQuery& query) {
  size_t largest = 0;
  size_t smallest = 0;
  for (size_t node = 1; node < topology.nodes.size(); ++node) {
    const size_t ranks = topology.nodes[node].ranks.size();
    if (ranks > topology.nodes[largest].ranks.size()) largest = node;
    if (ranks < topology.nodes[smallest].ranks.size()) smallest = node;
  }
  std::vector<size_t> nodes = {0, largest, smallest, topology.nodes.size() / 2};
  if (has_root(query.func)) {
    nodes.push_back(static_cast<size_t>(topology.node_of[static_cast<size_t>(query.root)]));
  }
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  return nodes;
}

}  // namespace

Cost predict(const topo::Topology& topology, const PlanQuery& query, const Plan& plan) {
  const auto registry = algorithm_registry();
  const auto algorithm = std::find_if(registry.begin(), registry.end(),
                                      [&](const Algorithm& entry) { return entry.name == plan.algorithm; });
  if (algorithm == registry.end()) return {};
  Predictor predictor(topology, query, *algorithm);
  Cost longest;
  for (const size_t node : representatives(topology, query)) {
    const Cost cost = predictor.cost_of(node);
    if (cost.us > longest.us) longest = cost;
  }
  return longest;
}

double predict_us(const topo::Topology& topology, const PlanQuery& query, const Plan& plan) {
  return predict(topology, query, plan).us;
}

}  // namespace coll
