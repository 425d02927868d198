// The α-β-γ model: what a plan's steps cost on a representative node, and how chunks overlap. See docs/algorithms.md.
#include "collectives/cost.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

namespace coll {

namespace {

double us(double bytes, double gbs) { return gbs > 0 ? bytes / (gbs * 1000) : 0; }

// One that stands for `weight` of its kind.
struct Sample {
  int at;
  int weight;
};

// The first, the last, and one for those between.
void sample(const std::vector<int>& all, std::vector<Sample>* samples) {
  if (all.empty()) return;
  samples->push_back({all.front(), 1});
  const auto between = static_cast<int>(all.size()) - 2;
  if (between > 0) samples->push_back({all[all.size() / 2], between});  // in a tree, an inner one
  if (between >= 0) samples->push_back({all.back(), 1});
}

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

// Hardware threads that the node's ranks keep busy; nodes of one machine have its threads by their ranks.
double cores_of(const topo::Topology& topology, const topo::Node& node) {
  const auto ranks = static_cast<double>(node.ranks.size());
  const topo::Machine& machine = topology.machines[static_cast<size_t>(node.machine)];
  const double of_node = node.pus > 0 ? node.pus : ranks;
  const double of_machine = machine.pus > 0 ? machine.pus * ranks / machine.ranks : ranks;
  return std::min({ranks, of_node, of_machine});
}

// What the ranks of a node do.
struct NodeLoad {
  Load most;  // of any rank, each figure by itself; the kinds of work are those of the rank that works most
  Load sum;
  Hops hops{0, 0, 1};
  double flag_share = 1;
  double chunks = 1;
};

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
    add_time(topology_.nodes[node], load, &cost);
    return cost;
  }

 private:
  const NodeLoad& load_of_node(size_t node) {
    const auto [at, is_new] = loads_.try_emplace(node);
    if (is_new) at->second = measure(topology_.nodes[node]);
    return at->second;
  }

  NodeLoad measure(const topo::Node& node) const {
    NodeLoad all;
    const int root = has_root(query_.func) ? query_.root : -1;
    for (const auto& [rank, weight] : samples_of(node, root)) {
      PlanQuery as_rank = query_;
      as_rank.rank = rank;
      const Plan plan = algorithm_.plan(topology_, as_rank);
      add(load_of(topology_, query_, plan), weight, &all);
      all.chunks = static_cast<double>(plan.chunks);
      if (plan.on_board) all.flag_share = kFlagShare;
      all.hops.in_node = std::max(all.hops.in_node, plan.hops.in_node);
      all.hops.between_nodes = std::max(all.hops.between_nodes, plan.hops.between_nodes);
      all.hops.relays = std::max(all.hops.relays, plan.hops.relays);
    }
    return all;
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

  // One chunk from end to end, then one more whenever the busiest part is free and a chunk's memory is.
  void add_time(const topo::Node& node, const NodeLoad& load, Cost* cost) const {
    const auto ranks = static_cast<double>(node.ranks.size());
    const double crowding = node.pus > 0 ? std::max(1.0, ranks / node.pus) : 1;  // a node's ranks wait for one another
    const double latency_us = load.flag_share * load.hops.in_node * load.most.near_latency_us +
                              load.hops.between_nodes * topology_.cost(topo::LinkKind::kNetwork).latency_us;
    cost->latency_us = latency_us * crowding;
    // In a broadcast a whole piece moves at every hop; elsewhere a rank's own steps mostly show all that happens to
    // one.
    cost->relays = query_.func == collFuncBroadcast ? std::max(load.hops.total(), 1) : load.hops.relays;
    // What crosses the node's parts does so while a core reads it; the network is waited for.
    const double in_node_us = std::max(cost->core_us(), cost->parts_us);
    cost->first_us = cost->latency_us + cost->relays * (in_node_us + std::max(cost->link_us, cost->uplink_us));
    // How long a rank holds on to a chunk: where its result need not come back, only from one hop to the next.
    cost->held_us =
        cost->first_us / (query_.func == collFuncAllReduce ? 1 : cost->relays) / std::max(query_.chunks_in_flight, 1);
    cost->next_us = std::max({cost->core_us(), cost->links_us(), cost->held_us});
    cost->us = cost->first_us + (cost->chunks - 1) * cost->next_us;
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
