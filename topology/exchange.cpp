#include "topology/exchange.hpp"

#include <sched.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>

#include "topology/discover.hpp"
#include "topology/machine_file.hpp"
#include "topology/packing.hpp"

namespace coll::topo {

namespace {

// The running kernel's own id, the same in all its containers; "" where it is hidden.
std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

PuSet own_affinity() {
  PuSet affinity{};
  cpu_set_t allowed;
  // Fails where the machine has more hardware threads than a cpu_set_t: then the leader's count stands for all.
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return affinity;
  for (size_t pu = 0; pu < affinity.size() * 64; ++pu) {
    if (CPU_ISSET(pu, &allowed)) affinity[pu / 64] |= uint64_t{1} << pu % 64;
  }
  return affinity;
}

// What the named ranks may use together; 0 where one of them does not know.
class PuUnion {
 public:
  void add(const PuSet& affinity) {
    known_ = known_ && count(affinity) > 0;
    for (size_t i = 0; i < all_.size(); ++i) all_[i] |= affinity[i];
    ++ranks_;
    places_ += count(affinity);
  }
  int pus() const { return known_ ? count(all_) : 0; }
  // Of several ranks that share no hardware thread: a launcher has bound them. A rank alone may have been confined.
  PuSet taken() const { return known_ && ranks_ > 1 && places_ == count(all_) ? all_ : PuSet{}; }

 private:
  PuSet all_{};
  bool known_ = true;
  int ranks_ = 0, places_ = 0;
};

// The index of `key` in order of first appearance.
int ordinal(std::map<Key, int>* seen, const Key& key) {
  return seen->try_emplace(key, static_cast<int>(seen->size())).first->second;
}

void count_machine_pus(std::span<const RankCard> cards, Topology* topology) {
  std::map<Key, int> seen;
  std::vector<PuUnion> pus;
  for (const RankCard& card : cards) {
    const auto machine = static_cast<size_t>(ordinal(&seen, card.machine));
    if (machine == pus.size()) {
      pus.emplace_back();
      topology->machines.emplace_back();
    }
    pus[machine].add(card.affinity);
    ++topology->machines[machine].ranks;
  }
  for (size_t i = 0; i < pus.size(); ++i) {
    topology->machines[i].pus = pus[i].pus();
    topology->machines[i].taken = pus[i].taken();
  }
}

// Hardware threads of nodes and machines whose ranks could not tell are those that the leaders found.
void fill_pus(std::span<const RankCard> cards, Topology* topology) {
  std::vector<int> found(topology->machines.size(), 0);
  for (Node& node : topology->nodes) {
    auto& most = found[static_cast<size_t>(node.machine)];
    most = std::max(most, node.pus);
    Machine& machine = topology->machines[static_cast<size_t>(node.machine)];
    machine.system_pus = std::max(machine.system_pus, node.system_pus);
    PuUnion pus;
    for (const int rank : node.ranks) pus.add(cards[static_cast<size_t>(rank)].affinity);
    if (pus.pus() > 0) node.pus = pus.pus();
  }
  for (size_t i = 0; i < found.size(); ++i) {
    if (topology->machines[i].pus == 0) topology->machines[i].pus = found[i];
  }
}

// The node's GPU at that address; -1 where none of those that are known is.
int index_of(const Node& node, PciAddress address) {
  const auto is_there = [&](const Gpu& gpu) { return !gpu.path.empty() && gpu.path.back() == address; };
  const auto gpu = std::find_if(node.gpus.begin(), node.gpus.end(), is_there);
  return gpu == node.gpus.end() ? -1 : static_cast<int>(gpu - node.gpus.begin());
}

// Plans are for devices only where every rank is on one: which memory its own calls are on, a rank may decide each
// time.
void place_on_gpus(std::span<const RankCard> cards, Topology* topology) {
  if (!std::all_of(cards.begin(), cards.end(), [](const RankCard& card) { return card.on_device != 0; })) return;
  for (size_t rank = 0; rank < cards.size(); ++rank) {
    const Node& node = topology->nodes[static_cast<size_t>(topology->node_of[rank])];
    topology->gpu_of.push_back(index_of(node, {cards[rank].gpu}));
    topology->staged_bytes = std::max<size_t>(topology->staged_bytes, cards[rank].staged_bytes);
  }
}

// A simulator's host: what it runs on in truth says nothing about it. Every rank has a core of its own.
Status describe_simulated(const Joining& own, int ranks, Node* node, std::string* warning) {
  *node = plain_node(ranks);
  node->nics.push_back({.name = "simulated", .fabric = true});  // streams that meet share a link, and lose nothing
  if (!own.topo_file.empty()) COLL_TRY(read_machine_file(own.topo_file, node, warning));
  node->host = own.simulated_host;
  return {};
}

// What the node's leader has found, and the ranks of the node agree with.
Status describe_node(const Joining& own, std::span<const int> ranks, std::span<const RankCard> cards, Node* node,
                     std::string* warning) {
  if (!own.simulated_host.empty()) return describe_simulated(own, static_cast<int>(ranks.size()), node, warning);
  COLL_TRY(find_node(own.topo_file, node, warning));
  return own.topo_file.empty() ? Status() : check_fit(own.topo_file, *node, ranks, cards);
}

template <typename Card>
Status gather(const Card& mine, int nranks, const Allgather& allgather, std::vector<Card>* all) {
  all->resize(static_cast<size_t>(nranks));
  return allgather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(*all)).data());
}

}  // namespace

RankCard make_rank_card(const Joining& own) {
  RankCard card{};
  card.host = hash_key(own.host_key);
  card.machine = card.host;
  if (!own.simulated_host.empty()) return card;
  const std::string machine = boot_id();
  if (!machine.empty()) card.machine = hash_key(machine);
  card.affinity = own_affinity();
  if (!own.device) return card;
  card.on_device = 1;
  card.gpu = own.device->gpu.bits;
  card.staged_bytes = own.device->staged_bytes;
  return card;
}

Topology group(std::span<const RankCard> cards) {
  Topology topology;
  topology.nranks = static_cast<int>(cards.size());
  std::map<Key, int> hosts;
  std::map<Key, int> machines;
  for (int rank = 0; rank < topology.nranks; ++rank) {
    const RankCard& card = cards[static_cast<size_t>(rank)];
    const int index = ordinal(&hosts, card.host);
    const int machine = ordinal(&machines, card.machine);
    if (static_cast<size_t>(index) == topology.nodes.size()) topology.nodes.emplace_back().machine = machine;
    Node& node = topology.nodes[static_cast<size_t>(index)];
    topology.node_of.push_back(index);
    topology.local_of.push_back(static_cast<int>(node.ranks.size()));
    node.ranks.push_back(rank);
  }
  count_machine_pus(cards, &topology);
  return topology;
}

bool first_of_machine(const Topology& groups, size_t node) {
  const auto same_machine = [&](const Node& other) { return other.machine == groups.nodes[node].machine; };
  return std::none_of(groups.nodes.begin(), groups.nodes.begin() + static_cast<std::ptrdiff_t>(node), same_machine);
}

Topology assemble(std::span<const RankCard> cards, std::span<const Node> nodes, const Tuning& tuning) {
  Topology topology = group(cards);
  for (size_t i = 0; i < topology.nodes.size(); ++i) {
    Node node = nodes[i];
    node.machine = topology.nodes[i].machine;
    node.ranks = std::move(topology.nodes[i].ranks);
    topology.nodes[i] = std::move(node);
  }
  fill_pus(cards, &topology);
  for (const RankCard& card : cards) topology.bound.push_back(card.affinity);
  find_spots(&topology);
  place_on_gpus(cards, &topology);
  topology.links = link_costs(topology.nodes, topology.oversubscribed(), tuning.measured, tuning.overrides);
  topology.switches = tuning.switches;
  topology.rates = tuning.rates;
  return topology;
}

Status exchange(const Joining& own, const Allgather& allgather, Topology* topology, std::string* warning) {
  warning->clear();
  std::vector<RankCard> cards;
  COLL_TRY(gather(make_rank_card(own), own.nranks, allgather, &cards));
  const Topology groups = group(cards);
  const auto node = static_cast<size_t>(groups.node_of[static_cast<size_t>(own.rank)]);
  const std::vector<int>& ranks = groups.nodes[node].ranks;

  NodeCard mine{};
  if (ranks.front() == own.rank) {
    Node described;
    const Status status = describe_node(own, ranks, cards, &described, warning);
    mine = pack(described, own.tuning);
    copy_text(status.message(), mine.refused);
    if (!first_of_machine(groups, node)) warning->clear();
  }
  PackedCards found;
  COLL_TRY(found.gather(std::as_bytes(std::span(&mine, 1)), own.nranks, allgather));

  NodeCard card{};
  COLL_TRY(found.read(0, &card));
  const Tuning shared = unpack(card.tuning);
  if (!shared.refused.empty()) return {collInvalidArgument, shared.refused};
  std::vector<Node> nodes;
  for (const Node& each : groups.nodes) {
    COLL_TRY(found.read(each.ranks.front(), &card));
    // The first node's refusal is every rank's.
    if (const std::string refused = field_text(card.refused); !refused.empty()) return {collInvalidArgument, refused};
    nodes.push_back(unpack(card));
  }
  *topology = assemble(cards, nodes, shared);
  return {};
}

}  // namespace coll::topo
