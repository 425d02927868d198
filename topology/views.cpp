#include "topology/views.hpp"

#include <cstdio>
#include <span>

#include "base/status.hpp"

namespace coll::topo {

namespace {

std::string number(double value) {
  char digits[32];
  std::snprintf(digits, sizeof(digits), "%.6g", value);
  return digits;
}

// "32 MiB": the largest unit that leaves at least 1.
std::string size_text(size_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  char digits[32];
  std::snprintf(digits, sizeof(digits), "%.3g", value >= 1000 ? 1000 : value);
  return text(digits, " ", kUnits[unit]);
}

std::string counted(int count, const std::string& thing) { return text(count, " ", thing, count == 1 ? "" : "s"); }

// "0-3, 8, 10-11"
std::string ranges(std::span<const int> values) {
  std::string all;
  for (size_t i = 0; i < values.size();) {
    size_t last = i;
    while (last + 1 < values.size() && values[last + 1] == values[last] + 1) ++last;
    all += text(all.empty() ? "" : ", ", values[i]);
    if (last > i) all += text("-", values[last]);
    i = last + 1;
  }
  return all;
}

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

std::string describe(const Gpu& gpu) { return text("GPU ", gpu.name, where(gpu.numa)); }

std::string to_text(const Topology& topology) {
  std::string all =
      text(counted(topology.nranks, "rank"), " on ", counted(static_cast<int>(topology.nodes.size()), "node"),
           topology.oversubscribed() ? ", more ranks than hardware threads" : "", "\n");
  for (size_t kind = 0; kind < kLinkKinds; ++kind) {
    const LinkCost& cost = topology.links[kind];
    all +=
        text("link ", kLinkNames[kind], ": ", number(cost.latency_us), " us, ", number(cost.bandwidth_gbs), " GB/s\n");
  }
  for (size_t i = 0; i < topology.nodes.size(); ++i) {
    const Node& node = topology.nodes[i];
    all += text("node ", i, " ", summary(node), "\n");
    all += text("  ranks ", ranges(node.ranks), " on machine ", node.machine, "\n");
    for (const Nic& nic : node.nics) all += text("  ", describe(nic), "\n");
    for (const Gpu& gpu : node.gpus) all += text("  ", describe(gpu), "\n");
  }
  return all;
}

std::string to_json(const Node& node) {
  const auto nic = [](const Nic& one) {
    return device_json(
        one.name,
        text(",\"gbits\":", one.gbits > 0 ? number(one.gbits) : "null", ",\"fabric\":", one.fabric ? "true" : "false"),
        one.numa);
  };
  const auto gpu = [](const Gpu& one) { return device_json(one.name, "", one.numa); };
  return text("{\"host\":", quoted(node.host), ",\"machine\":", node.machine, ",\"packages\":", node.packages,
              ",\"numa_nodes\":", node.numa_nodes, ",\"cores\":", node.cores, ",\"pus\":", node.pus,
              ",\"l2_bytes\":", node.l2_bytes, ",\"l3_bytes\":", node.l3_bytes, ",\"memory_bytes\":", node.memory_bytes,
              ",\"nics\":", array(node.nics, nic), ",\"gpus\":", array(node.gpus, gpu),
              ",\"ranks\":", array(node.ranks, [](int rank) { return std::to_string(rank); }), "}");
}

std::string to_json(const Topology& topology) {
  std::string links;
  for (size_t kind = 0; kind < kLinkKinds; ++kind) {
    const LinkCost& cost = topology.links[kind];
    links += text(kind == 0 ? "" : ",", "\"", kLinkNames[kind], "\":{\"latency_us\":", number(cost.latency_us),
                  ",\"bandwidth_gbs\":", number(cost.bandwidth_gbs), "}");
  }
  const auto machine = [](const Machine& one) { return text("{\"ranks\":", one.ranks, ",\"pus\":", one.pus, "}"); };
  return text("{\"nranks\":", topology.nranks, ",\"oversubscribed\":", topology.oversubscribed() ? "true" : "false",
              ",\"links\":{", links, "},\"machines\":", array(topology.machines, machine),
              ",\"nodes\":", array(topology.nodes, [](const Node& node) { return to_json(node); }), "}");
}

}  // namespace coll::topo
