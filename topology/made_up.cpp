#include "topology/made_up.hpp"

#include "base/status.hpp"
#include "topology/exchange.hpp"
#include "topology/views.hpp"

namespace coll::topo {

std::vector<PuSet> bind_ranks(const Node& node, int ranks) {
  std::vector<PuSet> cores;
  PuSet all{};
  for (const Domain& domain : described_domains(node)) {
    for (const PuSet& core : domain.core_pus()) cores.push_back(core);
  }
  const auto join = [](PuSet* to, const PuSet& from) {
    for (size_t i = 0; i < to->size(); ++i) (*to)[i] |= from[i];
  };
  for (const PuSet& core : cores) join(&all, core);
  const auto many = static_cast<size_t>(ranks);
  if (many > cores.size()) return std::vector<PuSet>(many, all);
  std::vector<PuSet> bound(many);
  for (size_t rank = 0; rank < many; ++rank) {
    for (size_t i = rank * cores.size() / many; i < (rank + 1) * cores.size() / many; ++i) join(&bound[rank], cores[i]);
  }
  return bound;
}

Topology cluster_of(const Node& node, int nodes, int ranks_per_node, const Tuning& tuning, Machines machines) {
  const std::vector<PuSet> bound = bind_ranks(node, ranks_per_node);
  std::vector<RankCard> cards;
  std::vector<Node> all;
  for (int i = 0; i < nodes; ++i) {
    Node& one = all.emplace_back(node);
    if (nodes > 1) one.host += text("-", i);
    const Key key = hash_key(text("node", i));
    const Key machine = machines == Machines::kOneEach ? key : hash_key("machine");
    for (const PuSet& pus : bound) cards.push_back({key, machine, pus});
  }
  return assemble(cards, all, tuning);
}

}  // namespace coll::topo
