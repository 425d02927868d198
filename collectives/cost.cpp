// The α-β-γ model: what a plan's steps cost on a representative node, and how chunks overlap. See docs/algorithms.md.
#include <algorithm>
#include <vector>

#include "collectives/planner.hpp"

namespace coll {

namespace {

constexpr double kOverheadShare = 0.2;  // of a link's latency that keeps a core of sender and receiver busy
constexpr double kFlagShare = 0.1;      // of a message's cost and latency: a flag that is polled, and nothing queued

// What all ranks post in one call on the board is read out of near caches up to this; what is longer comes from as far
// away as any other bytes. Measured with 2, 4 and 8 ranks on 2 cores, beside the direct exchange.
constexpr double kNearPostBytes = 512 << 10;

// Streams from several nodes that meet at one node's link fill its queue, lose packets and send them again: measured
// with TCP on 1 Gbit/s links, where the direct exchange of 4 nodes takes a quarter longer than their ring; at 10
// Gbit/s, where the cores that send them again are the limit, 1.1 to 1.3 times as long.
constexpr double kIncast = 0.125;  // of the bytes, for every node beyond the first
constexpr double kMostIncast = 1.5;

double incast(int sources) { return std::clamp(1 + kIncast * (sources - 1), 1.0, kMostIncast); }

double us(double bytes, double gbs) { return gbs > 0 ? bytes / (gbs * 1000) : 0; }

// What one rank does in a call.
struct Load {
  double message_us = 0;  // of one chunk: work per message
  double work_us = 0;     // of the whole call: copying, reducing, encoding, decoding, the network stack
  double stack_us = 0;    // of the network stack, were nothing sent again; part of work_us in the end
  double net_in = 0;      // bytes of the whole call
  double net_out = 0;
  int sources = 0;  // other nodes that send to it
};

class Meter {
 public:
  Meter(const topo::Topology& topology, const PlanQuery& query, const Plan& plan)
      : topology_(topology),
        rates_(topology.rates),
        query_(query),
        plan_(plan),
        native_(static_cast<double>(size_of(query.type))),
        partial_(static_cast<double>(size_of(accumulator_of(query.type)))),
        heard_(topology.nodes.size(), false),
        far_share_(plan.on_board ? 1 - std::min(1.0, kNearPostBytes / posted_by_all()) : 1) {}

  Load run() {
    for (const Step& step : plan_.steps) {
      for (int round = 0; round < step.rounds; ++round) {
        const auto elements = static_cast<double>(plan_.elements_of(step, round));
        if (elements == 0) continue;
        receive(step, round, elements);
        compute(step, elements);
        send(step, round, elements);
      }
    }
    load_.sources = static_cast<int>(std::count(heard_.begin(), heard_.end(), true));
    load_.work_us += load_.stack_us * incast(load_.sources);
    return load_;
  }

 private:
  double bytes(Wire wire, double elements) const {
    if (wire == Wire::kCoded) return elements * query_.codec.bytes_per_element;
    return elements * (wire == Wire::kPartial ? partial_ : native_);
  }
  double posted_by_all() const {
    if (query_.func == collFuncBroadcast) return bytes(Wire::kNative, static_cast<double>(query_.count));
    double elements = 0;
    for (const Step& step : plan_.steps) {
      for (int round = 0; step.to.count > 0 && round < step.rounds; ++round) {
        elements += static_cast<double>(plan_.shard_of(step, round).count);
      }
    }
    return bytes(Wire::kNative, elements) * plan_.nranks;
  }
  double message_us(const topo::LinkCost& link) const {
    return kOverheadShare * link.latency_us * (plan_.on_board ? kFlagShare : 1);
  }
  double encode_us(double elements) const { return us(elements * 4, query_.codec.encode_gbs); }
  double decode_us(double elements) const { return us(elements * 4, query_.codec.decode_gbs); }

  void receive(const Step& step, int round, double elements) {
    const double message = bytes(step.from_wire, elements);
    for (int j = 0; j < step.from.count; ++j) {
      const int peer = plan_.entry(step.from, round, j);
      if (peer == plan_.rank) continue;
      const topo::LinkKind kind = topology_.link_between(plan_.rank, peer);
      const topo::LinkCost& link = topology_.cost(kind);
      load_.message_us += message_us(link);
      if (kind == topo::LinkKind::kNetwork) {
        load_.net_in += message;
        heard_[static_cast<size_t>(topology_.node_of[static_cast<size_t>(peer)])] = true;
        load_.stack_us += us(message, rates_.network_cpu_gbs);
      } else {
        load_.work_us += far_share_ * us(message, link.bandwidth_gbs);
      }
      if (step.from_wire == Wire::kCoded) {
        if (step.reduce || step.to_output) load_.work_us += decode_us(elements);
      } else if (step.reduce || step.to_output || !step.hold) {
        load_.work_us += us(message, step.reduce ? rates_.reduce_gbs : rates_.copy_gbs);
      }
    }
  }

  void compute(const Step& step, double elements) {
    if (plan_.on_board && step.to.count > 0) load_.work_us += us(bytes(Wire::kNative, elements), rates_.copy_gbs);
    if (step.local != Local::kNone && (step.reduce || step.to_output)) {
      load_.work_us += us(bytes(step.local == Local::kSlot ? Wire::kPartial : Wire::kNative, elements),
                          step.reduce ? rates_.reduce_gbs : rates_.copy_gbs);
    }
    const bool packs = step.shard.count > 1 && step.local != Local::kNone && step.to.count > 0;
    if (packs) load_.work_us += us(bytes(step.to_wire, elements), rates_.copy_gbs);
    if (step.code_local) load_.work_us += encode_us(elements) + decode_us(elements);
    const bool passed_on = step.from.count > 0 && step.from_wire == Wire::kCoded && !step.reduce;
    if (step.to.count > 0 && step.to_wire == Wire::kCoded && !passed_on) {
      load_.work_us += encode_us(elements) + (step.to_output ? decode_us(elements) : 0);
    }
  }

  void send(const Step& step, int round, double elements) {
    const double message = bytes(step.to_wire, elements);
    for (int j = 0; j < step.to.count; ++j) {
      const int peer = plan_.entry(step.to, round, j);
      if (peer == plan_.rank) continue;
      const topo::LinkKind kind = topology_.link_between(plan_.rank, peer);
      if (plan_.on_board) continue;  // posted once, whoever reads it
      load_.message_us += message_us(topology_.cost(kind));
      if (kind != topo::LinkKind::kNetwork) continue;
      load_.net_out += message;
      load_.stack_us += us(message, rates_.network_cpu_gbs);
    }
  }

  const topo::Topology& topology_;
  const topo::Rates& rates_;
  const PlanQuery& query_;
  const Plan& plan_;
  const double native_;  // bytes of an element
  const double partial_;
  std::vector<bool> heard_;  // by node
  const double far_share_;   // of what comes from ranks of the node, what its link takes time for
  Load load_;
};

// Ranks that stand for a node's: the first, the last, and one for those between.
struct Sample {
  int rank;
  int weight;
};

std::vector<Sample> samples_of(const topo::Node& node, int root) {
  std::vector<int> ranks = node.ranks;
  std::vector<Sample> samples;
  if (const auto at = std::find(ranks.begin(), ranks.end(), root); at != ranks.end()) {
    samples.push_back({root, 1});
    ranks.erase(at);
  }
  if (ranks.empty()) return samples;
  samples.push_back({ranks.front(), 1});
  const auto between = static_cast<int>(ranks.size()) - 2;
  if (between > 0) samples.push_back({ranks[ranks.size() / 2], between});  // in a tree, an inner one
  if (between >= 0) samples.push_back({ranks.back(), 1});
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

// What one node does, and how long the call takes if the other nodes are like it.
double node_us(const topo::Topology& topology, const PlanQuery& query, const Algorithm& algorithm,
               const topo::Node& node) {
  const auto ranks = static_cast<double>(node.ranks.size());
  const double cores = cores_of(topology, node);
  Load most;
  Load sum;
  Hops hops;
  double flag_share = 1;
  double chunks = 1;
  const int root = has_root(query.func) ? query.root : -1;
  for (const auto& [rank, weight] : samples_of(node, root)) {
    PlanQuery as_rank = query;
    as_rank.rank = rank;
    const Plan plan = algorithm.plan(topology, as_rank);
    const Load load = Meter(topology, query, plan).run();
    chunks = static_cast<double>(plan.chunks);
    if (plan.on_board) flag_share = kFlagShare;
    hops.in_node = std::max(hops.in_node, plan.hops.in_node);
    hops.between_nodes = std::max(hops.between_nodes, plan.hops.between_nodes);
    hops.relays = std::max(hops.relays, plan.hops.relays);
    most.message_us = std::max(most.message_us, load.message_us);
    most.work_us = std::max(most.work_us, load.work_us);
    sum.message_us += weight * load.message_us;
    sum.work_us += weight * load.work_us;
    sum.net_in += weight * load.net_in;
    sum.net_out += weight * load.net_out;
    most.sources = std::max(most.sources, load.sources);
  }
  const double crowding = node.pus > 0 ? std::max(1.0, ranks / node.pus) : 1;  // a node's ranks wait for one another
  const double link_us = us(std::max(sum.net_in * incast(most.sources), sum.net_out),
                            topology.cost(topo::LinkKind::kNetwork).bandwidth_gbs);
  const double core_us = std::max(most.message_us, sum.message_us / cores) +
                         std::max(most.work_us, sum.work_us / cores) / chunks;  // of one chunk
  // One chunk from end to end, then one more whenever the busiest part is free and a chunk's memory is.
  const double latency_us = flag_share * hops.in_node * topology.cost(topo::LinkKind::kSharedMemory).latency_us +
                            hops.between_nodes * topology.cost(topo::LinkKind::kNetwork).latency_us;
  // In a broadcast a whole piece moves at every hop; elsewhere a rank's own steps mostly show all that happens to one.
  const int relays = query.func == collFuncBroadcast ? std::max(hops.total(), 1) : hops.relays;
  const double first_us = latency_us * crowding + relays * (core_us + link_us / chunks);
  // How long a rank holds on to a chunk: where its result need not come back, only from one hop to the next.
  const double held_us = first_us / (query.func == collFuncAllReduce ? 1 : relays);
  const double next_us = std::max({core_us, link_us / chunks, held_us / std::max(query.chunks_in_flight, 1)});
  return first_us + (chunks - 1) * next_us;
}

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

double predict_us(const topo::Topology& topology, const PlanQuery& query, const Plan& plan) {
  const auto registry = algorithm_registry();
  const auto algorithm = std::find_if(registry.begin(), registry.end(),
                                      [&](const Algorithm& entry) { return entry.name == plan.algorithm; });
  if (algorithm == registry.end()) return 0;
  double longest = 0;
  for (const size_t node : representatives(topology, query)) {
    longest = std::max(longest, node_us(topology, query, *algorithm, topology.nodes[node]));
  }
  return longest;
}

}  // namespace coll
