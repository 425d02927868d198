// A plan's messages as a picture.
#include <fmt/format.h>

#include <algorithm>

#include "../tools/chart.hpp"
#include "../tools/result.hpp"
#include "journey.hpp"

namespace coll::plan_tool {

namespace {

using perf::chart::kColours, perf::chart::kGrey, perf::chart::kInk;
using perf::chart::label;

constexpr double kLeft = 24, kTop = 150, kNote = 330;  // kNote: room for a hop's words on the right
constexpr double kNodeGap = 18;

// Where everything is.
struct Grid {
  std::vector<double> x;  // by rank
  double step;            // from rank to rank
  double band;            // the height of a hop
  double right = 0;       // of the last node
  double y(int hop) const { return kTop + band * hop; }
};

Grid grid_of(const topo::Topology& topology, int hops) {
  Grid grid{std::vector<double>(static_cast<size_t>(topology.nranks)), std::clamp(620.0 / topology.nranks, 24.0, 56.0),
            std::clamp(1200.0 / std::max(hops, 1), 30.0, 110.0)};
  double at = kLeft;
  for (const topo::Node& node : topology.nodes) {
    for (const int rank : node.ranks) {
      grid.x[static_cast<size_t>(rank)] = at + grid.step / 2;
      at += grid.step;
    }
    at += kNodeGap;
  }
  grid.right = at - kNodeGap;
  return grid;
}

std::string nodes(const topo::Topology& topology, const Grid& grid, double bottom) {
  std::string svg;
  for (size_t i = 0; i < topology.nodes.size(); ++i) {
    const auto& ranks = topology.nodes[i].ranks;
    const double left = grid.x[static_cast<size_t>(ranks.front())] - grid.step / 2;
    const double width = grid.step * static_cast<double>(ranks.size());
    svg +=
        fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"6\" fill=\"#f4f4f4\"/>\n",
                    left, kTop - 44, width, bottom - kTop + 62);
    // The word where it fits.
    svg += label(left + width / 2, kTop - 50, "middle", kGrey, fmt::format("{}{}", width < 50 ? "" : "node ", i));
    for (const int rank : ranks) {
      svg += label(grid.x[static_cast<size_t>(rank)], kTop - 22, "middle", kInk, fmt::format("{}", rank),
                   "font-weight=\"bold\"");
    }
  }
  return svg;
}

std::string arrow(const Grid& grid, const topo::Topology& topology, const Message& message) {
  const double x1 = grid.x[static_cast<size_t>(message.from)], x2 = grid.x[static_cast<size_t>(message.to)];
  const double y1 = grid.y(message.hop - 1) + 6, y2 = grid.y(message.hop) - 8;
  const auto wire = static_cast<size_t>(message.wire);
  const bool far = topology.link_between(message.from, message.to) == topo::LinkKind::kNetwork;
  return fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\" stroke-width=\"{}\"{} "
      "marker-end=\"url(#head{})\"><title>{} to {}: {}, {}</title></line>\n",
      x1, y1, x2, y2, kColours[wire], far ? 1.6 : 1, far ? "" : " stroke-dasharray=\"3 3\"", wire, message.from,
      message.to, perf::size_text(message.bytes), kWireNames[wire]);
}

// One for each wire: SVG's markers do not take a line's colour.
std::string heads() {
  std::string svg = "<defs>";
  for (size_t wire = 0; wire < std::size(kWireNames); ++wire) {
    svg += fmt::format(
        "<marker id=\"head{}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" "
        "markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"{}\"/></marker>",
        wire, kColours[wire]);
  }
  return svg + "</defs>\n";
}

// What a hop moves, beside it.
std::string note(const Grid& grid, const topo::Topology& topology, const Journey& journey, int hop) {
  int near = 0, far = 0;
  double near_bytes = 0, far_bytes = 0;
  for (const Message& message : journey.messages) {
    if (message.hop != hop) continue;
    const bool crosses = topology.link_between(message.from, message.to) == topo::LinkKind::kNetwork;
    ++(crosses ? far : near);
    (crosses ? far_bytes : near_bytes) += message.bytes;
  }
  const auto words = [](int count, double bytes, const char* where) {
    return fmt::format("{} message{} {}, {}", count, count == 1 ? "" : "s", where, perf::size_text(bytes));
  };
  const double x = grid.right + 16;
  const double middle = (grid.y(hop - 1) + grid.y(hop)) / 2;
  std::string svg = label(x, middle + 4, "start", kInk, fmt::format("{}", hop), "font-weight=\"bold\"");
  const bool both = near > 0 && far > 0 && grid.band >= 34;
  if (far > 0) svg += label(x + 26, middle + (both ? -4 : 4), "start", kInk, words(far, far_bytes, "between nodes"));
  if (near > 0 && (both || far == 0)) {
    svg += label(x + 26, middle + (both ? 13 : 4), "start", kGrey, words(near, near_bytes, "in nodes"));
  }
  return svg;
}

std::string legend(const Journey& journey) {
  std::string svg;
  double x = kLeft;
  const auto add = [&](std::string_view words, std::string_view colour, const char* more) {
    svg += fmt::format("<line x1=\"{:.0f}\" y1=\"78\" x2=\"{:.0f}\" y2=\"78\" stroke=\"{}\" stroke-width=\"2\"{}/>\n",
                       x, x + 26, colour, more);
    svg += label(x + 32, 82, "start", kInk, words);
    x += 50 + 7.0 * static_cast<double>(words.size());
  };
  constexpr std::string_view kWords[] = {"the user's type", "an unfinished sum", "coded"};
  for (size_t wire = 0; wire < std::size(kWireNames); ++wire) {
    const auto has = [wire](const Message& message) { return static_cast<size_t>(message.wire) == wire; };
    if (std::any_of(journey.messages.begin(), journey.messages.end(), has)) add(kWords[wire], kColours[wire], "");
  }
  add("in a node", kGrey, " stroke-dasharray=\"3 3\"");
  return svg;
}

}  // namespace

std::string draw(const topo::Topology& topology, const Journey& journey, std::string_view title,
                 std::string_view words) {
  const Grid grid = grid_of(topology, journey.hops);
  const double bottom = grid.y(journey.hops);
  std::string svg = perf::chart::begin(std::max(grid.right + kNote, 640.0), bottom + 34, title, words);
  svg += heads() + legend(journey) + nodes(topology, grid, bottom);
  for (int hop = 0; hop <= journey.hops; ++hop) {
    for (const double x : grid.x) {
      svg += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\" fill=\"{}\"/>\n", x, grid.y(hop), kInk);
    }
  }
  for (const Message& message : journey.messages) svg += arrow(grid, topology, message);
  for (int hop = 1; hop <= journey.hops; ++hop) svg += note(grid, topology, journey, hop);
  return svg + "</svg>\n";
}

}  // namespace coll::plan_tool
