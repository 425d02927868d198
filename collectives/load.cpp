#include "collectives/load.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "collectives/rounds.hpp"

namespace coll {

namespace {

constexpr double kOverheadShare = 0.2;  // of a link's latency that keeps a core of sender and receiver busy

// What all ranks post in one call on the board is read out of near caches up to this; what is longer comes from as far
// away as any other bytes. Measured with 2, 4 and 8 ranks on 2 cores, beside the direct exchange.
constexpr double kNearPostBytes = 512 << 10;

// Blocks that are only copied, and of at least this length, the kernel copies once from where they lie (transport/shm);
// shorter ones are copied into a ring and out of it. With 4 and 8 ranks on 2 cores, which wait for a core, the board
// was faster at all lengths.
constexpr double kKernelCopyBytes = 16 << 10;

// Streams from several nodes that meet at one node's link fill its queue, lose packets and send them again: measured
// with TCP on 1 Gbit/s links, where the direct exchange of 4 nodes takes a quarter longer than their ring; at 10
// Gbit/s, where the cores that send them again are the limit, 1.1 to 1.3 times as long.
constexpr double kIncast = 0.125;  // of the bytes, for every node beyond the first
constexpr double kMostIncast = 1.5;

class Meter {
 public:
  Meter(const topo::Topology& topology, const PlanQuery& query, const Plan& plan)
      : topology_(topology),
        query_(query),
        plan_(plan),
        node_(topology.node_of[static_cast<size_t>(plan.rank)]),
        switch_(topology.switch_of(node_)),
        bytes_(query),
        heard_(topology.nodes.size(), 0) {}

  Load run() {
    each_round(plan_, [this](const Step& step, const Entries& from, const Entries& to, int round, double elements) {
      receive(step, from, round, elements);
      compute(step, elements);
      if (!plan_.on_board) send(step, to, round, elements);  // else posted once, whoever reads it
    });
    load_.sources = static_cast<int>(std::count(heard_.begin(), heard_.end(), 1));
    const topo::Rates& rates = topology_.rates;
    for (size_t kind = 0; kind < messages_.size(); ++kind) {
      const double kind_us =
          kOverheadShare * (plan_.on_board ? kFlagShare : 1) * messages_[kind] * topology_.links[kind].latency_us;
      load_.message_us += kind_us;
      if (!topo::in_node(static_cast<topo::LinkKind>(kind))) load_.far_message_us += kind_us;
    }
    work(Work::kCopy, us(copied_, rates.copy_gbs) + us(kernel_copied_, rates.kernel_copy_gbs));
    work(Work::kReduce, us(reduced_, rates.reduce_gbs));
    work(Work::kEncode, us(encoded_ * 4, query_.codec.encode_gbs));
    work(Work::kDecode, us(decoded_ * 4, query_.codec.decode_gbs));
    work(Work::kShared, far_share() * us(shared_, topology_.cost(topo::LinkKind::kSharedMemory).bandwidth_gbs));
    const double stack_us = us(load_.net_in + load_.net_out, rates.network_cpu_gbs);
    work(Work::kNetwork, stack_us * incast(topology_, load_.sources));
    return load_;
  }

 private:
  // Messages of a step's round by the link that they take, and of those over the network what takes the uplink, too.
  struct Count {
    std::array<int, topo::kLinkKinds> by_kind{};
    int up = 0;
    int in_node() const { return std::accumulate(by_kind.begin(), by_kind.end(), 0) - far(); }
    int far() const { return by_kind[static_cast<size_t>(topo::LinkKind::kNetwork)]; }
  };

  void work(Work kind, double us) {
    load_.work_us += us;
    load_.by_kind[static_cast<size_t>(kind)] += us;
  }
  double posted_by_all() const {
    const int blocks = query_.func == collFuncBroadcast ? 1 : plan_.nranks - 1;
    if (has_root(query_.func)) return bytes_(Wire::kNative, static_cast<double>(query_.count) * blocks);
    double elements = 0;
    for (const Step& step : plan_.steps) {
      for (int round = 0; step.to.count > 0 && round < step.rounds; ++round) {
        elements += static_cast<double>(plan_.shard_of(step, round).count);
      }
    }
    return bytes_(Wire::kNative, elements) * plan_.nranks;
  }
  // Of what comes from ranks of the node, what its link takes time for.
  double far_share() const { return plan_.on_board ? 1 - std::min(1.0, kNearPostBytes / posted_by_all()) : 1; }

  // Whether the step's messages are blocks of users' memory that are only copied, in the node.
  bool copies_blocks(const Step& step) const {
    const bool is_block = has_block_per_rank(query_.func) && !reduces(query_.func) && !step.bundles();
    return is_block && !plan_.on_board && !query_.codec.lossy && topology_.nodes.size() == 1;
  }

  bool is_long(double message) const { return message / static_cast<double>(plan_.chunks) >= kKernelCopyBytes; }

  // Of what is combined, or only kept.
  void take(const Step& step, double moved) { (step.reduce ? reduced_ : copied_) += moved; }

  Count count(const Entries& peers, int round, bool hears) {
    Count count;
    for (int j = 0; j < peers.count(); ++j) {
      const int peer = peers.at(round, j);
      if (peer == plan_.rank) continue;
      const int node = topology_.node_of[static_cast<size_t>(peer)];
      const topo::LinkKind kind = node == node_ ? topology_.link_between(plan_.rank, peer) : topo::LinkKind::kNetwork;
      ++count.by_kind[static_cast<size_t>(kind)];
      if (node == node_) continue;
      if (!switch_.holds(node)) ++count.up;
      if (hears) heard_[static_cast<size_t>(node)] = 1;
    }
    for (size_t kind = 0; kind < messages_.size(); ++kind) messages_[kind] += count.by_kind[kind];
    return count;
  }

  void receive(const Step& step, const Entries& peers, int round, double elements) {
    const double message = bytes_(step.from_wire, elements);
    const Count from = count(peers, round, true);
    const bool by_kernel = copies_blocks(step) && is_long(message) && !topology_.oversubscribed();
    int all = 0;
    for (size_t kind = 0; kind < from.by_kind.size(); ++kind) {
      all += from.by_kind[kind];
      if (from.by_kind[kind] == 0 || !topo::in_node(static_cast<topo::LinkKind>(kind))) continue;
      load_.read[kind] += from.by_kind[kind] * message;
      (by_kernel ? kernel_copied_ : shared_) += from.by_kind[kind] * message;
      load_.near_latency_us = std::max(load_.near_latency_us, topology_.links[kind].latency_us);
    }
    load_.net_in += from.far() * message;
    load_.up_in += from.up * message;
    if (step.from_wire == Wire::kCoded) {
      if (step.reduce || step.to_output) decoded_ += all * elements;
    } else if (!by_kernel && (step.reduce || step.to_output || !step.hold)) {
      take(step, all * message);
    }
  }

  void compute(const Step& step, double elements) {
    if (plan_.on_board && step.to.count > 0) copied_ += bytes_(Wire::kNative, elements);
    if (step.local != Local::kNone && (step.reduce || step.to_output)) {
      take(step, bytes_(step.local == Local::kSlot ? Wire::kPartial : Wire::kNative, elements));
    }
    const bool packs = step.shard.count > 1 && step.local != Local::kNone && step.to.count > 0;
    if (packs) copied_ += bytes_(step.to_wire, elements);
    const bool passed_on = step.from.count > 0 && step.from_wire == Wire::kCoded && !step.reduce;
    const bool encodes = step.to.count > 0 && step.to_wire == Wire::kCoded && !passed_on;
    if (step.code_local) {
      encoded_ += elements;
      decoded_ += elements;
    }
    if (encodes) encoded_ += elements;
    if (encodes && step.to_output) decoded_ += elements;
  }

  void send(const Step& step, const Entries& peers, int round, double elements) {
    const double message = bytes_(step.to_wire, elements);
    const Count to = count(peers, round, false);
    if (copies_blocks(step) && !is_long(message)) copied_ += to.in_node() * message;  // into the ring
    load_.net_out += to.far() * message;
    load_.up_out += to.up * message;
  }

  const topo::Topology& topology_;
  const PlanQuery& query_;
  const Plan& plan_;
  const int node_;
  const topo::NodeRange switch_;
  const WireBytes bytes_;
  std::vector<char> heard_;  // by node: 1 where it sends to this rank
  // Of the whole call: bytes, and of what is coded elements.
  double copied_ = 0, kernel_copied_ = 0, reduced_ = 0, encoded_ = 0, decoded_ = 0, shared_ = 0;
  std::array<double, topo::kLinkKinds> messages_{};  // sent and received, by the link that they take
  Load load_;
};

}  // namespace

double incast(const topo::Topology& topology, int sources) {
  const auto is_fabric = [](const topo::Node& node) {
    return !node.nics.empty() &&
           std::all_of(node.nics.begin(), node.nics.end(), [](const auto& n) { return n.fabric; });
  };
  const bool loses = !std::all_of(topology.nodes.begin(), topology.nodes.end(), is_fabric);
  return loses ? std::clamp(1 + kIncast * (sources - 1), 1.0, kMostIncast) : 1;
}

Load load_of(const topo::Topology& topology, const PlanQuery& query, const Plan& plan) {
  return Meter(topology, query, plan).run();
}

}  // namespace coll
