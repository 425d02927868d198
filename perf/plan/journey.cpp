#include "journey.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace coll::plan_tool {

namespace {

// A message of a chunk: sender, receiver, leg, shard.
using Name = std::tuple<int, int, Leg, int>;

// One rank's way through its plan.
struct Walker {
  Plan plan;
  size_t step = 0;
  int round = 0;
  int hop = 0;  // of the last message that it has taken
  bool done() const { return step == plan.steps.size(); }
};

class Walk {
 public:
  Walk(const topo::Topology& topology, const PlanQuery& query, const Algorithm& algorithm) : query_(query) {
    for (int rank = 0; rank < topology.nranks; ++rank) {
      PlanQuery as_rank = query;
      as_rank.rank = rank;
      ranks_.push_back({algorithm.plan(topology, as_rank)});
    }
  }

  Status run(Journey* journey) {
    for (bool moved = true; moved;) {
      moved = false;
      for (Walker& rank : ranks_) {
        while (!rank.done() && advance(rank)) moved = true;
      }
    }
    const auto waits = [](const Walker& rank) { return !rank.done(); };
    if (std::any_of(ranks_.begin(), ranks_.end(), waits)) return {collInternalError, "the plans wait for one another"};
    std::stable_sort(journey_.messages.begin(), journey_.messages.end(), [](const Message& a, const Message& b) {
      return std::tie(a.hop, a.from, a.to) < std::tie(b.hop, b.from, b.to);
    });
    *journey = std::move(journey_);
    return {};
  }

 private:
  // One round of a step; false where a message of it has not been sent yet.
  bool advance(Walker& rank) {
    const Plan& plan = rank.plan;
    const Step& step = plan.steps[rank.step];
    const auto elements = static_cast<double>(plan.elements_of(step, rank.round));
    if (elements > 0) {
      if (!take(rank, step)) return false;
      send(rank, step, elements);
    }
    if (++rank.round == step.rounds) {
      rank.round = 0;
      ++rank.step;
    }
    return true;
  }

  bool take(Walker& rank, const Step& step) {
    const int shard = rank.plan.entry(step.shard, rank.round, 0);
    int hop = rank.hop;
    for (int j = 0; j < step.from.count; ++j) {
      const int peer = rank.plan.entry(step.from, rank.round, j);
      if (peer == rank.plan.rank) continue;
      const auto sent = sent_.find({peer, rank.plan.rank, step.from_leg, shard});
      if (sent == sent_.end()) return false;
      hop = std::max(hop, sent->second);
    }
    rank.hop = hop;
    return true;
  }

  void send(const Walker& rank, const Step& step, double elements) {
    const int shard = rank.plan.entry(step.shard, rank.round, 0);
    for (int j = 0; j < step.to.count; ++j) {
      const int peer = rank.plan.entry(step.to, rank.round, j);
      if (peer == rank.plan.rank) continue;
      const int hop = rank.hop + 1;
      sent_[{rank.plan.rank, peer, step.to_leg, shard}] = hop;
      journey_.messages.push_back({rank.plan.rank, peer, hop, step.to_wire, bytes(step.to_wire, elements)});
      journey_.hops = std::max(journey_.hops, hop);
    }
  }

  double bytes(Wire wire, double elements) const {
    if (wire == Wire::kCoded) return elements * query_.codec.bytes_per_element;
    const DataType type = wire == Wire::kPartial ? accumulator_of(query_.type) : query_.type;
    return elements * static_cast<double>(size_of(type));
  }

  const PlanQuery& query_;
  std::vector<Walker> ranks_;
  std::map<Name, int> sent_;  // the hop of each message
  Journey journey_;
};

}  // namespace

Status follow(const topo::Topology& topology, const PlanQuery& query, const Algorithm& algorithm, Journey* journey) {
  return Walk(topology, query, algorithm).run(journey);
}

}  // namespace coll::plan_tool
