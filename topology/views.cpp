#include "topology/views.hpp"

#include <algorithm>
#include <cstdio>
#include <span>
#include <vector>

#include "base/status.hpp"
#include "topology/gpus.hpp"
#include "topology/links.hpp"
#include "topology/place.hpp"
#include "topology/words.hpp"

namespace coll::topo {

namespace {

std::string where(int numa) { return numa < 0 ? std::string() : text(", NUMA node ", numa); }

std::string quoted(const std::string& value) {
  std::string json = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      json += text("\\", std::string(1, c));
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04x", static_cast<unsigned>(c));
      json += escape;
    } else {
      json += c;
    }
  }
  return json + "\"";
}

// "[a,b]" of what `show` makes of each element.
template <typename Items, typename Show>
std::string array(const Items& items, const Show& show) {
  std::string json;
  for (const auto& item : items) json += text(json.empty() ? "" : ",", show(item));
  return text("[", json, "]");
}

std::string device_json(const std::string& name, const std::string& more, int numa) {
  return text("{\"name\":", quoted(name), more, ",\"numa\":", numa < 0 ? std::string("null") : std::to_string(numa),
              "}");
}

std::string quoted_or_null(const std::string& value) { return value.empty() ? "null" : quoted(value); }

// A device's address, and the bridges above it from the host's down.
std::string path_json(const PciPath& path) {
  const std::span bridges(path.data(), path.empty() ? 0 : path.size() - 1);
  return text(",\"pci\":", path.empty() ? "null" : quoted(pci_text(path.back())),
              ",\"bridges\":", array(bridges, [](PciAddress bridge) { return quoted(pci_text(bridge)); }));
}

std::string nic_json(const Nic& nic) {
  return device_json(nic.name,
                     text(",\"gbits\":", nic.gbits > 0 ? number(nic.gbits) : "null",
                          ",\"fabric\":", nic.fabric ? "true" : "false", path_json(nic.path)),
                     nic.numa);
}

std::string gpu_json(const Node& node, const Gpu& gpu) {
  const auto rate = [](uint64_t bytes_per_s) { return bytes_per_s > 0 ? std::to_string(bytes_per_s) : "null"; };
  const auto peer = [&](const NvLinkPeer& one) {
    return text("{\"to\":", quoted(one.gpu ? pci_text(*one.gpu) : kNvSwitch),
                ",\"bytes_per_s\":", rate(one.bytes_per_s), "}");
  };
  const std::optional<PciAddress> pci_switch = switch_of(node, gpu.path);
  const Nic* const nearest = nearest_nic(node, gpu);
  return device_json(
      gpu.name,
      text(",\"product\":", quoted_or_null(gpu.facts.product), path_json(gpu.path),
           ",\"pci_switch\":", pci_switch ? quoted(pci_text(*pci_switch)) : "null",
           ",\"pcie_bytes_per_s\":", rate(gpu.facts.pcie_bytes_per_s), ",\"nvlinks\":", array(gpu.facts.nvlinks, peer),
           ",\"nearest_nic\":", nearest != nullptr ? quoted(nearest->name) : "null"),
      gpu.numa);
}

std::string link_json(const NamedLink& link) {
  return text("\"", link.name, "\":{\"latency_us\":", number(link.cost.latency_us),
              ",\"bandwidth_gbs\":", number(link.cost.bandwidth_gbs), "}");
}

// ", ranks 2-3"; "" for none.
std::string ranks_text(const std::vector<int>& ranks) {
  return ranks.empty() ? "" : text(ranks.size() == 1 ? ", rank " : ", ranks ", ranges(ranks));
}

// "  package 0, NUMA node 1: 8 cores, PUs 8-15, 32 GiB, ranks 2-3": where its ranks are bound to it or to cores of it.
std::string domain_text(const Topology& topology, const Node& node, size_t index) {
  const Domain& domain = node.domains[index];
  std::string line = text("  package ", domain.package, ", NUMA node ", domain.numa, ": ",
                          counted(domain.cores(), "core"), ", PUs ", list_text(domain.pus()));
  if (domain.memory_bytes > 0) line += text(", ", size_text(domain.memory_bytes));
  std::vector<int> ranks;
  for (const int rank : node.ranks) {
    if (topology.spot_of(rank).domain == static_cast<int>(index)) ranks.push_back(rank);
  }
  return line + ranks_text(ranks) + "\n";
}

std::string gpu_text(const Topology& topology, const Node& node, const Gpu& gpu) {
  std::vector<int> ranks;
  for (const int rank : node.ranks) {
    if (topology.gpu_at(rank) == &gpu) ranks.push_back(rank);
  }
  return text("  ", describe(node, gpu), ranks_text(ranks), "\n");
}

std::string domain_json(const Domain& domain) {
  return text("{\"package\":", domain.package, ",\"numa\":", domain.numa, ",\"cores\":", domain.cores(), ",\"pus\":\"",
              list_text(domain.pus()), "\",\"memory_bytes\":", domain.memory_bytes, "}");
}

}  // namespace

std::string summary(const Node& node) {
  std::string line =
      text(node.host, ": ", counted(node.packages, "package"), ", ", counted(node.numa_nodes, "NUMA node"), ", ",
           counted(node.cores, "core"), ", ", counted(node.pus, "usable PU"));
  if (node.l2_bytes > 0) line += text(", L2 ", size_text(node.l2_bytes));
  if (node.l3_bytes > 0) line += text(", L3 ", size_text(node.l3_bytes));
  if (node.memory_bytes > 0) line += text(", ", size_text(node.memory_bytes), " of memory");
  return line;
}

std::string describe(const Nic& nic) {
  return text("NIC ", nic.name,
              nic.gbits > 0 ? text(", ", number(nic.gbits), " Gbit/s") : std::string(", rate unknown"),
              where(nic.numa));
}

std::string describe(const Node& node, const Gpu& gpu) {
  const GpuFacts& facts = gpu.facts;
  const auto rate = [](uint64_t bytes_per_s) {
    return bytes_per_s > 0 ? rate_text(bytes_per_s) : std::string("of unknown rate");
  };
  std::string line = text("GPU ", gpu.name, facts.product.empty() ? "" : ", ", facts.product, where(gpu.numa));
  if (facts.pcie_bytes_per_s > 0) line += text(", PCIe ", rate(facts.pcie_bytes_per_s));
  for (const NvLinkPeer& peer : facts.nvlinks) {
    line += text(", NVLink ", rate(peer.bytes_per_s), " to ", peer.gpu ? pci_text(*peer.gpu) : "switches");
  }
  if (const std::optional<PciAddress> one = switch_of(node, gpu.path)) line += text(", PCI switch ", pci_text(*one));
  if (const Nic* const nic = nearest_nic(node, gpu)) line += text(", nearest NIC ", nic->name);
  return line;
}

std::string to_text(const Topology& topology) {
  std::string all =
      text(counted(topology.nranks, "rank"), " on ", counted(static_cast<int>(topology.nodes.size()), "node"),
           topology.oversubscribed() ? ", more ranks than hardware threads" : "", "\n");
  for (const auto& [name, cost] : named_links(topology)) {
    all += text("link ", name, ": ", number(cost.latency_us), " us, ", number(cost.bandwidth_gbs), " GB/s\n");
  }
  if (topology.switches.nodes > 0) {
    all += text("switches of ", counted(topology.switches.nodes, "node"), ", uplink ",
                number(topology.switches.uplink_gbs), " GB/s\n");
  }
  for (size_t i = 0; i < topology.nodes.size(); ++i) {
    const Node& node = topology.nodes[i];
    all += text("node ", i, " ", summary(node), "\n");
    all += text("  ranks ", ranges(node.ranks), " on machine ", node.machine, "\n");
    for (size_t domain = 0; domain < node.domains.size(); ++domain) all += domain_text(topology, node, domain);
    for (const Nic& nic : node.nics) all += text("  ", describe(nic), "\n");
    for (const Gpu& gpu : node.gpus) all += gpu_text(topology, node, gpu);
  }
  return all;
}

std::string to_json(const Node& node) {
  const auto gpu = [&node](const Gpu& one) { return gpu_json(node, one); };
  return text("{\"host\":", quoted(node.host), ",\"machine\":", node.machine, ",\"packages\":", node.packages,
              ",\"numa_nodes\":", node.numa_nodes, ",\"cores\":", node.cores, ",\"pus\":", node.pus,
              ",\"l2_bytes\":", node.l2_bytes, ",\"l3_bytes\":", node.l3_bytes, ",\"memory_bytes\":", node.memory_bytes,
              ",\"domains\":", array(node.domains, domain_json), ",\"nics\":", array(node.nics, nic_json),
              ",\"gpus\":", array(node.gpus, gpu),
              ",\"ranks\":", array(node.ranks, [](int rank) { return std::to_string(rank); }), "}");
}

std::string to_json(const Topology& topology) {
  std::string links;
  for (const NamedLink& link : named_links(topology)) links += text(links.empty() ? "" : ",", link_json(link));
  std::string switches;
  if (topology.switches.nodes > 0) {
    switches = text(",\"switches\":{\"nodes\":", topology.switches.nodes,
                    ",\"uplink_gbs\":", number(topology.switches.uplink_gbs), "}");
  }
  const auto index = [](int one) { return std::to_string(one); };
  const std::string gpu_of = topology.on_devices() ? text(",\"gpu_of\":", array(topology.gpu_of, index)) : "";
  const auto machine = [](const Machine& one) { return text("{\"ranks\":", one.ranks, ",\"pus\":", one.pus, "}"); };
  return text("{\"nranks\":", topology.nranks, ",\"oversubscribed\":", topology.oversubscribed() ? "true" : "false",
              ",\"links\":{", links, "}", switches, ",\"machines\":", array(topology.machines, machine),
              ",\"nodes\":", array(topology.nodes, [](const Node& node) { return to_json(node); }),
              ",\"bound\":", array(topology.bound, [](const PuSet& pus) { return quoted(list_text(pus)); }), gpu_of,
              "}");
}

std::vector<Domain> described_domains(const Node& node) {
  if (!node.domains.empty()) return node.domains;
  const int pus = std::max(node.system_pus, node.cores);
  const int threads = std::max(1, pus / std::max(1, node.cores));
  Domain whole;
  whole.memory_bytes = node.memory_bytes;
  whole.runs.push_back({0, std::max(1, node.cores), threads, threads, 1});
  return {whole};
}

}  // namespace coll::topo
