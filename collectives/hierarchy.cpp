#include "collectives/hierarchy.hpp"

#include <algorithm>

namespace coll {

Hierarchy::Hierarchy(const topo::Topology& topology, int rank)
    : topology_(topology),
      node_(topology.node_of[static_cast<size_t>(rank)]),
      local_index_(topology.local_of[static_cast<size_t>(rank)]) {
  const auto expected = static_cast<size_t>(topology.nranks);
  passed_.reserve(expected);
  passed_via_.reserve(expected);
  for (int distance = 0; distance < nodes(); ++distance) {
    for (const int shard : ranks_at(-distance)) {
      const int carrier = carrier_at(0, shard);
      if (carrier != rank) {
        passed_.push_back(shard);
        passed_via_.push_back(carrier);
      } else if (distance > 0) {
        carried_.push_back(shard);
      }
    }
  }
}

const std::vector<int>& Hierarchy::ranks_at(int distance) const {
  return topology_.nodes[static_cast<size_t>((node_ + distance + nodes()) % nodes())].ranks;
}

int Hierarchy::carrier_at(int distance, int shard) const {
  const auto& ranks = ranks_at(distance);
  return ranks[static_cast<size_t>(topology_.local_of[static_cast<size_t>(shard)]) % ranks.size()];
}

int Hierarchy::distance_from_home(int shard) const {
  return (node_ - topology_.node_of[static_cast<size_t>(shard)] + nodes()) % nodes();
}

int Hierarchy::carried_at(int distance) const {
  return static_cast<int>(std::count_if(carried_.begin(), carried_.end(),
                                        [&](int shard) { return distance_from_home(shard) == distance; }));
}

bool Hierarchy::two_levels(const topo::Topology& topology) {
  return topology.nodes.size() > 1 && topology.nodes.size() < static_cast<size_t>(topology.nranks);
}

HierarchyBuilder::HierarchyBuilder(std::string_view algorithm, const topo::Topology& topology, const PlanQuery& query)
    : builder_(algorithm, topology, query),
      query_(query),
      hierarchy_(topology, query.rank),
      result_(builder_.coded_or(Wire::kNative)) {
  self_ = builder_.list({query.rank});
  local_ = builder_.list(hierarchy_.local());
  carried_ = builder_.list(hierarchy_.carried());
  passed_ = builder_.list(hierarchy_.passed());
  passed_via_ = builder_.list(hierarchy_.passed_via());
}

void HierarchyBuilder::contribute(Wire wire, Leg leg) {
  if (local_ranks() == 1) return;
  const int own = local_ranks() - 1;
  Step& send = builder_.step("send", static_cast<int>(hierarchy_.passed().size()));
  send.shard = each(passed_, own);
  send.local = Local::kInput;
  send.to = each(passed_via_, own);
  send.to_wire = wire;
  send.to_leg = leg;
}

void HierarchyBuilder::receive_results(Leg from_owner, Leg from_carrier) {
  if (local_ranks() == 1) return;
  const int own = local_ranks() - 1;
  const int others = static_cast<int>(hierarchy_.passed().size()) - own;
  const auto receive = [&](int at, int rounds, Leg leg) {
    if (rounds == 0) return;
    Step& step = builder_.step("recv", rounds);
    step.shard = each(passed_, at);
    step.from = each(passed_via_, at);
    step.from_wire = result_;
    step.from_leg = leg;
    step.to_output = true;
  };
  receive(0, own, from_owner);
  receive(own, others, from_carrier);
}

Plan HierarchyBuilder::fan_out(int first_on_node, int source, const std::vector<int>& beyond, Hops hops) {
  builder_.plan().rank_order = true;
  builder_.plan().encodings = query_.codec.lossy ? 1 : 0;
  builder_.cut_shards(1);
  const int whole = builder_.identity(1);
  std::vector<int> below;
  if (query_.rank == first_on_node) {
    below = beyond;  // the far ones first
    for (int i = 1; i < local_ranks(); ++i) {
      below.push_back(hierarchy_.local()[static_cast<size_t>((hierarchy_.local_index() + i) % local_ranks())]);
    }
  }
  const auto receivers = static_cast<int>(below.size());
  Step& hop =
      query_.rank == query_.root ? builder_.publish("send") : builder_.step(receivers > 0 ? "recv-send" : "recv");
  hop.shard = one(whole, 0);
  hop.to_output = true;
  if (query_.rank != query_.root) {
    hop.from = one(builder_.list({query_.rank == first_on_node ? source : first_on_node}), 0);
    hop.from_wire = result_;
  }
  if (receivers > 0) {
    hop.to = many(builder_.list(std::move(below)), 0, receivers);
    hop.to_wire = result_;
  }
  return builder_.finish(2, hops);
}

}  // namespace coll
