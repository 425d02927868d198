#include "topology/node_drawing.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include "base/status.hpp"
#include "topology/chips.hpp"
#include "topology/place.hpp"
#include "topology/views.hpp"
#include "topology/words.hpp"

namespace coll::topo {

namespace {

using drawing::Box;
using drawing::Style;

constexpr double kGap = 8, kHeading = 18, kCell = 24, kChip = 20;
constexpr double kLeastCell = 26, kMostCell = 74, kLeastDomain = 210, kLeastPackage = 250, kLeastSwitch = 190;

constexpr Style kPackageStyle = {"#e3ebf3", "#8aa0b5"};
constexpr Style kDomainStyle = {"#ffffff", "#b5c3d0"};
constexpr Style kSwitchStyle = {"#f7f7f7", "#8aa0b5"};

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
                                        text(ranks_text(ranks), " on ", where));
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
    const DeviceChips chips = device_chips(topology_, node_, [&](int place) { return box_of(place) == numa; });
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
    const std::string words = text(ranks_text(here->second), ", ", where);
    const double width = std::min(area.width, drawing::width_of(words, drawing::kSmall) + 12);
    all.shapes += drawing::labelled({area.x, all.bottom, width, kChip}, kRanksStyle, words);
    all.bottom += kChip + 6;
    return all;
  }

  static std::string heading(const Box& area, const std::string& words, bool bold = true) {
    return drawing::label(area.x, area.y + 14, drawing::fitted(words, area.width, drawing::kNormal), drawing::kNormal,
                          bold ? kInk : kGrey, bold);
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

}  // namespace

Drawn draw_node(const Topology& topology, const Node& node, const Box& area) {
  return NodeDrawing(topology, node).draw(area);
}

}  // namespace coll::topo
