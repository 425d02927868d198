// The topology drawn: nodes below each other, in each its packages, NUMA nodes and cores, with devices and ranks.
#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "base/status.hpp"
#include "topology/chips.hpp"
#include "topology/drawing.hpp"
#include "topology/gpu_links.hpp"
#include "topology/place.hpp"
#include "topology/views.hpp"
#include "topology/words.hpp"

namespace coll::topo {

namespace {

using drawing::Box;
using drawing::Style;

constexpr double kWidth = 1200, kMargin = 20, kBus = 34, kPad = 8, kGap = 8;
constexpr double kHeading = 18, kCell = 24, kChip = 20;
constexpr double kLeastCell = 26, kMostCell = 74, kLeastDomain = 210, kLeastPackage = 250, kLeastSwitch = 190;
constexpr size_t kMostKinds = 12;  // of nodes that are drawn

// Told apart by people with any kind of colour sight (Okabe and Ito).
constexpr Style kNodeStyle = {"#f7f7f7", "#6b6b6b"};
constexpr Style kPackageStyle = {"#e3ebf3", "#8aa0b5"};
constexpr Style kDomainStyle = {"#ffffff", "#b5c3d0"};
constexpr Style kCoreStyle = {"#e9e9e9", "#c8c8c8", "#6b6b6b"};
constexpr Style kTakenStyle = {"#0072b2", "#004c78", "#ffffff"};
constexpr Style kCrowdedStyle = {"#d55e00", "#8f3f00", "#ffffff"};
constexpr Style kRanksStyle = {"#d3e9f7", "#0072b2"};
constexpr Style kSwitchStyle = {"#f7f7f7", "#8aa0b5"};
constexpr std::string_view kInk = "#222222", kGrey = "#6b6b6b";

// What has been drawn below each other from some place on.
struct Drawn {
  std::string shapes;
  double bottom = 0;
};

// How many boxes of at least that width lie side by side: all rows full where that does not waste much.
size_t columns(size_t boxes, double width, double least) {
  const auto most =
      std::clamp<size_t>(static_cast<size_t>((width + kGap) / (least + kGap)), 1, std::max<size_t>(boxes, 1));
  for (size_t columns = most; 2 * columns > most; --columns) {
    if (boxes % columns == 0) return columns;
  }
  return most;
}

class NodeDrawing {
 public:
  NodeDrawing(const Topology& topology, const Node& node)
      : topology_(topology), node_(node), domains_(described_domains(node)) {
    for (const int rank : node.ranks) {
      const Spot spot = topology.spot_of(rank);
      at_[{spot.package, spot.domain, spot.core}].push_back(rank);
    }
    for (const auto& [place, ranks] : at_) {
      if (place[2] >= 0) cell_ = std::max(cell_, drawing::width_of(core_label(ranks), drawing::kSmall) + 8);
    }
    cell_ = std::min(cell_, kMostCell);
  }

  // Everything inside the node's box, from area.y on.
  Drawn draw(const Box& area) const {
    Drawn all{"", area.y};
    all = ranks_chip({-1, -1, -1}, "not bound to a part of the node", area, std::move(all));
    std::vector<std::pair<size_t, size_t>> packages;
    for (size_t first = 0, end = 0; first < domains_.size(); first = end) {
      for (end = first; end < domains_.size() && domains_[end].package == domains_[first].package;) ++end;
      packages.emplace_back(first, end);
    }
    all =
        grid(packages.size(), kLeastPackage, kPackageStyle, {area.x, all.bottom, area.width, 0}, std::move(all.shapes),
             [&](size_t i, const Box& box) { return package(packages[i].first, packages[i].second, box); });
    const Box rest{area.x, all.bottom + kGap, area.width, 0};
    all = devices(-1, rest, std::move(all));
    const Box below{area.x, all.bottom + kGap, area.width, 0};
    return row(nvlink_chips(node_), below, std::move(all));
  }

 private:
  // Boxes side by side, as high as the highest of their row.
  template <typename Draw>
  static Drawn grid(size_t boxes, double least, const Style& style, const Box& area, std::string shapes,
                    const Draw& draw) {
    const size_t wide = columns(boxes, area.width, least);
    const double width = (area.width - kGap * static_cast<double>(wide - 1)) / static_cast<double>(wide);
    double y = area.y;
    for (size_t first = 0; first < boxes; first += wide) {
      const size_t end = std::min(boxes, first + wide);
      std::string inside;
      double bottom = y;
      for (size_t i = first; i < end; ++i) {
        const double x = area.x + static_cast<double>(i - first) * (width + kGap);
        const Drawn one = draw(i, Box{x + kPad, y, width - 2 * kPad, 0});
        inside += one.shapes;
        bottom = std::max(bottom, one.bottom + kPad);
      }
      for (size_t i = first; i < end; ++i) {
        const double x = area.x + static_cast<double>(i - first) * (width + kGap);
        shapes += drawing::rectangle({x, y, width, bottom - y}, style);
      }
      shapes += inside;
      y = bottom + kGap;
    }
    return {std::move(shapes), boxes > 0 ? y - kGap : y};
  }

  Drawn package(size_t first, size_t end, const Box& area) const {
    const int number = domains_[first].package;
    Drawn all{heading(area, text("package ", number)), area.y + kHeading + 2};
    const Box rest{area.x, all.bottom, area.width, 0};
    if (end - first == 1) return domain(first, rest, std::move(all));
    all = ranks_chip({number, -1, -1}, "in this package", area, std::move(all));
    return grid(end - first, kLeastDomain, kDomainStyle, {area.x, all.bottom, area.width, 0}, std::move(all.shapes),
                [&](size_t i, const Box& box) {
                  return domain(first + i, box, {"", box.y});
                });
  }

  Drawn domain(size_t index, const Box& area, Drawn all) const {
    const Domain& domain = domains_[index];
    std::string words = text("NUMA node ", domain.numa);
    if (domain.memory_bytes > 0) words += text(", ", size_text(domain.memory_bytes));
    words += text(", PUs ", list_text(domain.pus()));
    all.shapes += heading({area.x, all.bottom, area.width, 0}, words, false);
    all.bottom += kHeading + 2;
    all = ranks_chip({domain.package, static_cast<int>(index), -1}, "on these cores", area, std::move(all));
    const Box for_cores{area.x, all.bottom, area.width, 0};
    all = cores(index, for_cores, std::move(all));
    const Box for_devices{area.x, all.bottom + 6, area.width, 0};
    return devices(domain.numa, for_devices, std::move(all));
  }

  Drawn cores(size_t index, const Box& area, Drawn all) const {
    const Domain& domain = domains_[index];
    const std::vector<PuSet> pus = domain.core_pus();
    const std::vector<double> widths(pus.size(), cell_);
    size_t core = 0;
    for (const Box& box : drawing::flow(widths, area, kCell, &all.bottom)) {
      const auto taken = at_.find({domain.package, static_cast<int>(index), static_cast<int>(core)});
      const std::string where = text("core ", core, ", PUs ", list_text(pus[core]));
      if (taken == at_.end()) {
        all.shapes += drawing::labelled(box, kCoreStyle, std::to_string(core), where);
      } else {
        const std::vector<int>& ranks = taken->second;
        const bool crowded = ranks.size() > static_cast<size_t>(count(pus[core]));
        all.shapes += drawing::labelled(box, crowded ? kCrowdedStyle : kTakenStyle, core_label(ranks),
                                        text(counted_ranks(ranks), " on ", where));
      }
      ++core;
    }
    return all;
  }

  // The NUMA node whose box a device is drawn in; -1: its place is not known, or is in several packages.
  int box_of(int numa) const {
    const auto same = [numa](const Domain& one) { return one.numa == numa; };
    return std::count_if(domains_.begin(), domains_.end(), same) == 1 ? numa : -1;
  }

  // Those drawn in the box of that NUMA node; -1: in the node's own.
  Drawn devices(int numa, const Box& area, Drawn all) const {
    if (numa >= 0 && box_of(numa) < 0) return all;
    const DeviceChips chips = device_chips(node_, [&](int place) { return box_of(place) == numa; });
    Box rest = area;
    if (!chips.switches.empty()) {
      all = grid(chips.switches.size(), kLeastSwitch, kSwitchStyle, area, std::move(all.shapes),
                 [&](size_t i, const Box& box) { return pci_switch(chips.switches[i], box); });
      rest.y = all.bottom + 6;
    }
    return row(chips.others, rest, std::move(all));
  }

  static Drawn pci_switch(const DeviceChips::Switch& one, const Box& area) {
    const std::string words = text("PCI switch ", pci_text(one.address));
    return row(one.chips, {area.x, area.y + kHeading + 2, area.width, 0}, {heading(area, words, false), area.y});
  }

  // Chips side by side, in as many rows as they take.
  static Drawn row(const std::vector<Chip>& chips, const Box& area, Drawn all) {
    if (chips.empty()) return all;
    std::vector<double> widths;
    for (const Chip& one : chips) widths.push_back(drawing::width_of(one.words, drawing::kSmall) + 12);
    const std::vector<Box> boxes = drawing::flow(widths, area, kChip, &all.bottom);
    for (size_t i = 0; i < boxes.size(); ++i) {
      all.shapes += drawing::labelled(boxes[i], chips[i].style, chips[i].words, chips[i].whole);
    }
    return all;
  }

  Drawn ranks_chip(const std::array<int, 3>& place, const std::string& where, const Box& area, Drawn all) const {
    const auto here = at_.find(place);
    if (here == at_.end()) return all;
    const std::string words = text(counted_ranks(here->second), ", ", where);
    const double width = std::min(area.width, drawing::width_of(words, drawing::kSmall) + 12);
    all.shapes += drawing::labelled({area.x, all.bottom, width, kChip}, kRanksStyle, words);
    all.bottom += kChip + 6;
    return all;
  }

  static std::string heading(const Box& area, const std::string& words, bool bold = true) {
    return drawing::label(area.x, area.y + 14, drawing::fitted(words, area.width, drawing::kNormal), drawing::kNormal,
                          bold ? kInk : kGrey, bold);
  }
  static std::string counted_ranks(const std::vector<int>& ranks) {
    return text(ranks.size() == 1 ? "rank " : "ranks ", ranges(ranks));
  }
  static std::string core_label(const std::vector<int>& ranks) {
    if (ranks.size() == 1) return text("r", ranks[0]);
    if (ranks.size() == 2) return text("r", ranks[0], " r", ranks[1]);
    return text(ranks.size(), " ranks");
  }

  const Topology& topology_;
  const Node& node_;
  const std::vector<Domain> domains_;
  std::map<std::array<int, 3>, std::vector<int>> at_;  // ranks by package, domain and core
  double cell_ = kLeastCell;
};

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
    second = text(node.ranks.size() == 1 ? "rank " : "ranks ", ranges(node.ranks));
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
    const NodeDrawing node(topology, topology.nodes[static_cast<size_t>(kinds[i].nodes[0])]);
    const Drawn body = node.draw({inner.x, head.bottom, inner.width, 0});
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
