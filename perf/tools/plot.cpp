#include "plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "chart.hpp"

namespace coll::perf {
namespace {

using chart::curves, chart::label, chart::line, chart::LogAxis, chart::Point, chart::Series, chart::size_axis,
    chart::time_axis;
using chart::kColours, chart::kGrey, chart::kInk, chart::kLeft, chart::kRight, chart::kTop, chart::kWidth;

// One series for each codec (and type and operator, where there are several), the baseline first.
std::vector<Series> series_of(std::span<const Row> rows) {
  const bool out_of_place = std::any_of(rows.begin(), rows.end(), [](const Row& row) { return !row.in_place; });
  const bool one_kind = std::all_of(rows.begin(), rows.end(), [&](const Row& row) {
    return row.type == rows.front().type && row.redop == rows.front().redop;
  });
  std::vector<Series> all;
  const auto add = [&all](const std::string& name, const Point& point) {
    auto at = std::find_if(all.begin(), all.end(), [&](const Series& series) { return series.label == name; });
    if (at == all.end()) at = all.insert(all.end(), Series{name, "", {}});
    const auto same_size = [&](const Point& other) { return other.size_bytes == point.size_bytes; };
    if (std::none_of(at->points.begin(), at->points.end(), same_size)) at->points.push_back(point);
  };
  for (const bool baseline : {true, false}) {
    for (const Row& row : rows) {
      if (row.in_place == out_of_place || (baseline && !row.baseline)) continue;
      const std::string kind = one_kind ? "" : fmt::format(" {} {}", row.type, row.redop);
      const auto size = static_cast<double>(row.size_bytes);
      if (baseline) {
        add(row.baseline->name + kind, {size, row.baseline->p50_us, 0});
      } else {
        add(row.codec + kind, {size, row.time_us.p50, row.baseline ? row.baseline->speedup : 0});
      }
    }
    if (baseline) {
      for (Series& series : all) series.colour = kGrey;
    }
  }
  size_t next = 0;
  for (Series& series : all) {
    if (series.colour.empty()) series.colour = kColours[next++ % std::size(kColours)];
  }
  return all;
}

std::string frame(const Meta& meta, const Row& first, double height, std::string_view what) {
  std::string title = meta.tool;
  if (title.ends_with("_perf")) title.resize(title.size() - 5);
  std::replace(title.begin(), title.end(), '_', '-');
  const std::string op = first.redop == "none" ? "" : ", " + first.redop;
  return chart::begin(
      kWidth, height, fmt::format("{}: {}", title, what),
      fmt::format("{} ranks on {} node{}, {}{}; median of {} calls, libcoll {}", meta.nranks, meta.hosts.size(),
                  meta.hosts.size() == 1 ? "" : "s", first.type, op, meta.iters, meta.library_version));
}

std::string line_chart(const Meta& meta, std::span<const Row> rows, std::span<const Series> all) {
  constexpr double kHeight = 580, kBottom = kHeight - 70;
  double low = 1e300, high = 0, small = 1e300, large = 0;
  for (const Series& series : all) {
    for (const Point& point : series.points) {
      low = std::min(low, point.time_us), high = std::max(high, point.time_us);
      small = std::min(small, point.size_bytes), large = std::max(large, point.size_bytes);
    }
  }
  const LogAxis x{small, large, kLeft + 14, kWidth - kRight - 14};
  const LogAxis y = chart::axis_of_times(low, high, kBottom);
  const bool compared = std::any_of(rows.begin(), rows.end(), [](const Row& row) { return row.baseline.has_value(); });
  std::string svg = frame(meta, rows.front(), kHeight, "time by size");
  svg += size_axis(x, kBottom) + time_axis(y) + line(kLeft, kBottom, kWidth - kRight, kBottom, kGrey);
  svg += label(24, kTop - 18, "start", kInk, "time of a call (log)");
  if (compared)
    svg += label(kWidth - kRight + 12, kBottom, "start", kGrey, "×: speed-up at the right end", "font-size=\"12\"");
  return svg + curves(all, x, y) + "</svg>\n";
}

std::string bar_chart(const Meta& meta, std::span<const Row> rows, std::span<const Series> all) {
  constexpr double kBar = 30, kStep = 46, kBars = 150;
  const double bottom = kTop - 10 + kStep * static_cast<double>(all.size());
  double longest = 0;
  for (const Series& series : all) longest = std::max(longest, series.points.front().time_us);
  const double scale = longest > 0 ? (kWidth - kBars - 170) / longest : 1;
  std::string svg =
      frame(meta, rows.front(), bottom + 24, "time of " + size_text(all.front().points.front().size_bytes));
  double at = kTop - 10;
  for (const Series& series : all) {
    const Point& point = series.points.front();
    const double width = std::max(point.time_us * scale, 1.0);
    svg += label(kBars - 12, at + 20, "end", kInk, series.label, "font-size=\"15\"");
    svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"3\" fill=\"{}\"/>\n",
                       kBars, at, width, kBar, series.colour);
    const std::string gain = point.speedup > 0 ? fmt::format("{:.2f}× as fast", point.speedup) : "";
    svg += label(kBars + width + 10, at + (gain.empty() ? 20 : 13), "start", kInk, time_text(point.time_us),
                 "font-weight=\"bold\"");
    svg += gain.empty() ? "" : label(kBars + width + 10, at + 28, "start", kGrey, gain);
    at += kStep;
  }
  return svg + line(kBars, kTop - 18, kBars, bottom - 8, kGrey) + "</svg>\n";
}

}  // namespace

std::string to_svg(const Meta& meta, std::span<const Row> rows) {
  const std::vector<Series> all = series_of(rows);
  const bool one_size =
      std::all_of(rows.begin(), rows.end(), [&](const Row& row) { return row.size_bytes == rows.front().size_bytes; });
  if (all.empty()) return "<svg xmlns=\"http://www.w3.org/2000/svg\"/>\n";
  return one_size ? bar_chart(meta, rows, all) : line_chart(meta, rows, all);
}

}  // namespace coll::perf
