// The topology drawn: nodes below each other, those that are alike once, with what joins them and a legend.
#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "base/status.hpp"
#include "topology/chips.hpp"
#include "topology/drawing.hpp"
#include "topology/gpu_links.hpp"
#include "topology/node_drawing.hpp"
#include "topology/place.hpp"
#include "topology/views.hpp"
#include "topology/words.hpp"

namespace coll::topo {

namespace {

using drawing::Box;
using drawing::Style;

constexpr double kWidth = 1200, kMargin = 20, kBus = 34;
constexpr size_t kMostKinds = 12;  // of nodes that are drawn

constexpr Style kNodeStyle = {"#f7f7f7", "#6b6b6b"};

// Nodes with the same hardware and the same placement of ranks.
struct Kind {
  std::vector<int> nodes;
};

std::string hardware_of(const Topology& topology, const Node& node) {
  Node bare = node;
  bare.host.clear();
  bare.ranks.clear();
  bare.machine = 0;
  std::string key = to_json(bare);
  for (const int rank : node.ranks) {
    if (!topology.bound.empty()) key += list_text(topology.bound[static_cast<size_t>(rank)]);
    if (topology.on_devices()) key += text(" GPU ", topology.gpu_of[static_cast<size_t>(rank)]);
    key += ';';
  }
  return key;
}

std::vector<Kind> kinds_of(const Topology& topology) {
  std::vector<Kind> kinds;
  std::map<std::string, size_t> seen;
  for (size_t i = 0; i < topology.nodes.size(); ++i) {
    const auto [at, is_new] = seen.try_emplace(hardware_of(topology, topology.nodes[i]), kinds.size());
    if (is_new) kinds.emplace_back();
    kinds[at->second].nodes.push_back(static_cast<int>(i));
  }
  return kinds;
}

std::string cost_text(const LinkCost& cost) {
  return text(number(cost.latency_us), " us, ", number(cost.bandwidth_gbs), " GB/s");
}

// "" where nothing is known of GPUs' links.
std::string gpu_links_text(const Topology& topology) {
  constexpr std::array kWords = {"a GPU and its host's memory", "two GPUs by NVLink", "two GPUs below a PCI switch",
                                 "two GPUs through the host"};
  const GpuLinkCosts costs = estimate_gpu_links(topology.nodes);
  std::string all;
  for (size_t kind = 0; kind < costs.size(); ++kind) {
    if (costs[kind]) all += text(all.empty() ? "" : "; ", kWords[kind], ": ", cost_text(*costs[kind]));
  }
  return all;
}

// Two lines above a node's parts: what it is, and which ranks it and the nodes like it have.
Drawn node_heading(const Topology& topology, const Kind& kind, const Box& area) {
  const Node& node = topology.nodes[static_cast<size_t>(kind.nodes[0])];
  const bool several = kind.nodes.size() > 1;
  const std::string first =
      text(several ? "nodes " : "node ", ranges(kind.nodes),
           several ? text(", alike; this is ", kind.nodes[0], ": ") : std::string(": "), summary(node));
  std::string second = several ? "each" : "";
  if (several) {
    for (size_t i = 0; i < kind.nodes.size() && second.size() < 300; ++i) {
      const std::vector<int>& ranks = topology.nodes[static_cast<size_t>(kind.nodes[i])].ranks;
      second += text(i == 0 ? ": ranks " : " | ", ranges(ranks));
    }
  } else {
    second = ranks_text(node.ranks);
  }
  const auto line = [&](double y, const std::string& words, bool bold) {
    return drawing::label(area.x, y, drawing::fitted(words, area.width, drawing::kNormal), drawing::kNormal, kInk,
                          bold);
  };
  return {line(area.y + 14, first, true) + line(area.y + 30, second, false), area.y + 40};
}

Drawn legend(double x, double y) {
  const std::pair<Style, const char*> entries[] = {{kCoreStyle, "core"},
                                                   {kTakenStyle, "core with the ranks bound to it"},
                                                   {kCrowdedStyle, "more ranks than its hardware threads"},
                                                   {kRanksStyle, "ranks bound to more than a core"},
                                                   {kGpuStyle, "GPU"},
                                                   {kNvLinkStyle, "NVLink"},
                                                   {kNicStyle, "network device"},
                                                   {kFabricStyle, "fabric adapter"}};
  Drawn all{"", y + 14};
  for (const auto& [style, words] : entries) {
    all.shapes += drawing::rectangle({x, y, 14, 14}, style);
    all.shapes += drawing::label(x + 19, y + 11, words, drawing::kSmall, kInk);
    x += 19 + drawing::width_of(words, drawing::kSmall) + 16;
  }
  return all;
}

}  // namespace

std::string to_svg(const Topology& topology) {
  const auto nodes = static_cast<int>(topology.nodes.size());
  const std::string title = text(counted(topology.nranks, "rank"), " on ", counted(nodes, "node"),
                                 topology.oversubscribed() ? ", more ranks than hardware threads" : "");
  const std::string links =
      text("shared memory of a node: ", cost_text(topology.cost(LinkKind::kSharedMemory)),
           "; network, a node's link in one direction: ", cost_text(topology.cost(LinkKind::kNetwork)));
  const std::string gpu_links = drawing::fitted(gpu_links_text(topology), kWidth - 2 * kMargin, drawing::kNormal);
  std::string shapes = drawing::label(kMargin, 34, title, drawing::kLarge, kInk, true) +
                       drawing::label(kMargin, 54, links, drawing::kNormal, kInk) +
                       drawing::label(kMargin, 70, gpu_links, drawing::kNormal, kInk);
  const bool connected = nodes > 1;
  const double left = kMargin + (connected ? kBus : 0);
  const std::vector<Kind> kinds = kinds_of(topology);
  const double top = gpu_links.empty() ? 70 : 86;
  double y = top;
  double last_tick = y;
  for (size_t i = 0; i < std::min(kinds.size(), kMostKinds); ++i) {
    const Box inner{left + kPad + 2, y + kPad, kWidth - kMargin - left - 2 * (kPad + 2), 0};
    const Drawn head = node_heading(topology, kinds[i], inner);
    const Node& node = topology.nodes[static_cast<size_t>(kinds[i].nodes[0])];
    const Drawn body = draw_node(topology, node, {inner.x, head.bottom, inner.width, 0});
    const double height = body.bottom + kPad - y;
    shapes += drawing::rectangle({left, y, kWidth - kMargin - left, height}, kNodeStyle, 6);
    shapes += head.shapes + body.shapes;
    last_tick = y + std::min(30.0, height / 2);
    if (connected) shapes += drawing::line(kMargin + 8, last_tick, left, last_tick, kGrey, 3);
    y += height + 14;
  }
  if (kinds.size() > kMostKinds) {
    size_t others = 0;
    for (size_t i = kMostKinds; i < kinds.size(); ++i) others += kinds[i].nodes.size();
    shapes +=
        drawing::label(left, y + 10, text("and ", others, " nodes of ", kinds.size() - kMostKinds, " other kinds"),
                       drawing::kNormal, kInk);
    y += 26;
  }
  if (connected) shapes += drawing::line(kMargin + 8, top, kMargin + 8, std::max(last_tick, y - 14), kGrey, 3);
  const Drawn key = legend(kMargin, y + 4);
  return drawing::document(kWidth, key.bottom + kMargin, title, shapes + key.shapes);
}

}  // namespace coll::topo
