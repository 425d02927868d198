#include "topology/cards.hpp"

#include <algorithm>
#include <iterator>

namespace coll::topo {

namespace {

// FNV-1a with the bits of each word mixed at the end.
uint64_t hash_word(std::string_view text, uint64_t basis) {
  uint64_t hash = basis;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
  return hash ^ (hash >> 33);
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

}  // namespace

Key hash_key(std::string_view text) {
  return {hash_word(text, 0xcbf29ce484222325u), hash_word(text, 0x6c62272e07bb0142u)};
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

}  // namespace coll::topo
