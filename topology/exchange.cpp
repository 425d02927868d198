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

// FNV-1a with the bits of each word mixed at the end.
uint64_t hash_word(std::string_view text, uint64_t basis) {
  uint64_t hash = basis;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
  return hash ^ (hash >> 33);
}

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

template <size_t size>
void copy_text(const std::string& text, char (&field)[size]) {
  std::memcpy(field, text.data(), std::min(text.size(), size - 1));
}

template <size_t size>
std::string field_text(const char (&field)[size]) {
  return {field, strnlen(field, size)};
}

NodeCard::PathCard pack(const PciPath& path) {
  NodeCard::PathCard card{};
  card.count = std::min(path.size(), kMostPciSteps);
  for (size_t i = 0; i < card.count; ++i) card.steps[i] = path[i].bits;
  if (!path.empty()) card.steps[card.count - 1] = path.back().bits;
  return card;
}

PciPath unpack(const NodeCard::PathCard& card) {
  PciPath path;
  for (size_t i = 0; i < std::min<size_t>(card.count, kMostPciSteps); ++i) path.push_back({card.steps[i]});
  return path;
}

void pack(const Gpu& gpu, NodeCard::GpuCard* card) {
  copy_text(gpu.name, card->name);
  card->numa = gpu.numa;
  copy_text(gpu.facts.product, card->product);
  card->pcie_bytes_per_s = gpu.facts.pcie_bytes_per_s;
  card->path = pack(gpu.path);
  card->nvlink_count = std::min(gpu.facts.nvlinks.size(), NodeCard::kMostNvLinks);
  for (size_t i = 0; i < card->nvlink_count; ++i) {
    const NvLinkPeer& peer = gpu.facts.nvlinks[i];
    card->nvlinks[i] = {peer.gpu.has_value() ? 1u : 0u, peer.gpu.value_or(PciAddress()).bits, peer.bytes_per_s};
  }
}

Gpu unpack(const NodeCard::GpuCard& card) {
  Gpu gpu{field_text(card.name), card.numa, unpack(card.path), {}};
  gpu.facts.product = field_text(card.product);
  gpu.facts.pcie_bytes_per_s = card.pcie_bytes_per_s;
  for (size_t i = 0; i < std::min<size_t>(card.nvlink_count, NodeCard::kMostNvLinks); ++i) {
    const NodeCard::NvLinkCard& from = card.nvlinks[i];
    NvLinkPeer& peer = gpu.facts.nvlinks.emplace_back();
    if (from.to_gpu != 0) peer.gpu = PciAddress{from.gpu};
    peer.bytes_per_s = from.bytes_per_s;
  }
  return gpu;
}

void pack_domains(const Node& node, NodeCard* card) {
  size_t runs = 0;
  for (const Domain& domain : node.domains) runs += domain.runs.size();
  if (node.domains.size() > NodeCard::kMostDomains || runs > NodeCard::kMostRuns) return;
  card->domain_count = node.domains.size();
  NodeCard::RunCard* next = card->runs;
  for (size_t i = 0; i < node.domains.size(); ++i) {
    const Domain& domain = node.domains[i];
    card->domains[i] = {domain.memory_bytes, static_cast<int16_t>(domain.numa), static_cast<int16_t>(domain.package),
                        static_cast<uint32_t>(domain.runs.size())};
    for (const CoreRun& run : domain.runs) {
      *next++ = {static_cast<uint16_t>(run.first), static_cast<uint16_t>(run.cores), static_cast<uint16_t>(run.step),
                 static_cast<uint16_t>(run.threads), static_cast<uint16_t>(run.stride)};
    }
  }
}

std::vector<Domain> unpack_domains(const NodeCard& card) {
  std::vector<Domain> domains;
  size_t next = 0;
  for (size_t i = 0; i < std::min<size_t>(card.domain_count, NodeCard::kMostDomains); ++i) {
    const NodeCard::DomainCard& from = card.domains[i];
    Domain& domain = domains.emplace_back();
    domain.numa = from.numa;
    domain.package = from.package;
    domain.memory_bytes = from.memory_bytes;
    for (size_t run = 0; run < from.run_count && next < NodeCard::kMostRuns; ++run, ++next) {
      const NodeCard::RunCard& of = card.runs[next];
      domain.runs.push_back(
          {of.first, std::min<int>(of.cores, kMostPus), of.step, std::min<int>(of.threads, kMostPus), of.stride});
    }
  }
  return domains;
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

Key hash_key(std::string_view text) {
  return {hash_word(text, 0xcbf29ce484222325u), hash_word(text, 0x6c62272e07bb0142u)};
}

RankCard make_rank_card(const Joining& own) {
  RankCard card{};
  card.host = hash_key(own.host_key);
  card.machine = card.host;
  if (!own.simulated_host.empty()) return card;
  const std::string machine = boot_id();
  if (!machine.empty()) card.machine = hash_key(machine);
  card.affinity = own_affinity();
  return card;
}

NodeCard pack(const Node& node, const Tuning& tuning) {
  NodeCard card{};
  copy_text(node.host, card.host);
  card.packages = node.packages;
  card.numa_nodes = node.numa_nodes;
  card.cores = node.cores;
  card.pus = node.pus;
  card.system_pus = node.system_pus;
  card.l2_bytes = node.l2_bytes;
  card.l3_bytes = node.l3_bytes;
  card.memory_bytes = node.memory_bytes;
  card.nic_count = static_cast<uint32_t>(std::min(node.nics.size(), NodeCard::kMostNics));
  for (size_t i = 0; i < card.nic_count; ++i) {
    copy_text(node.nics[i].name, card.nics[i].name);
    card.nics[i].gbits = node.nics[i].gbits;
    card.nics[i].numa = node.nics[i].numa;
    card.nics[i].fabric = node.nics[i].fabric ? 1 : 0;
    card.nics[i].path = pack(node.nics[i].path);
  }
  card.gpu_count = static_cast<uint32_t>(std::min(node.gpus.size(), NodeCard::kMostGpus));
  for (size_t i = 0; i < card.gpu_count; ++i) pack(node.gpus[i], &card.gpus[i]);
  pack_domains(node, &card);
  card.tuning = pack(tuning);
  return card;
}

Node unpack(const NodeCard& card) {
  Node node;
  node.host = field_text(card.host);
  node.packages = card.packages;
  node.numa_nodes = card.numa_nodes;
  node.cores = card.cores;
  node.pus = card.pus;
  node.system_pus = card.system_pus;
  node.l2_bytes = card.l2_bytes;
  node.l3_bytes = card.l3_bytes;
  node.memory_bytes = card.memory_bytes;
  for (size_t i = 0; i < std::min<size_t>(card.nic_count, NodeCard::kMostNics); ++i) {
    const auto& nic = card.nics[i];
    node.nics.push_back({field_text(nic.name), nic.gbits, nic.numa, nic.fabric != 0, unpack(nic.path)});
  }
  for (size_t i = 0; i < std::min<size_t>(card.gpu_count, NodeCard::kMostGpus); ++i) {
    node.gpus.push_back(unpack(card.gpus[i]));
  }
  node.domains = unpack_domains(card);
  return node;
}

TuningCard pack(const Tuning& tuning) {
  TuningCard card{};
  for (size_t kind = 0; kind < kLinkKinds; ++kind) {
    card.measured[kind] = tuning.measured[kind].value_or(LinkCost{});
    card.overrides[kind] = tuning.overrides[kind].value_or(LinkCost{});
  }
  card.reduce_gbs = tuning.rates.reduce_gbs;
  card.copy_gbs = tuning.rates.copy_gbs;
  card.kernel_copy_gbs = tuning.rates.kernel_copy_gbs;
  card.network_cpu_gbs = tuning.rates.network_cpu_gbs;
  card.uplink_gbs = tuning.switches.uplink_gbs;
  card.nodes_of_switch = tuning.switches.nodes;
  std::copy(tuning.rates.codecs.begin(), tuning.rates.codecs.end(), card.codecs);
  copy_text(tuning.refused, card.refused);
  return card;
}

Tuning unpack(const TuningCard& card) {
  Tuning tuning;
  for (size_t kind = 0; kind < kLinkKinds; ++kind) {
    if (card.measured[kind].bandwidth_gbs > 0) tuning.measured[kind] = card.measured[kind];
    if (card.overrides[kind].bandwidth_gbs > 0) tuning.overrides[kind] = card.overrides[kind];
  }
  tuning.rates.reduce_gbs = card.reduce_gbs;
  tuning.rates.copy_gbs = card.copy_gbs;
  tuning.rates.kernel_copy_gbs = card.kernel_copy_gbs;
  tuning.rates.network_cpu_gbs = card.network_cpu_gbs;
  tuning.switches = {static_cast<int>(card.nodes_of_switch), card.uplink_gbs};
  std::copy(std::begin(card.codecs), std::end(card.codecs), tuning.rates.codecs.begin());
  tuning.refused = field_text(card.refused);
  return tuning;
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
