#include "plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace coll::perf {
namespace {

constexpr double kWidth = 900, kLeft = 90, kRight = 190, kTop = 104;
constexpr std::string_view kInk = "#222222", kPale = "#e4e4e4", kGrey = "#6b6b6b";
// Told apart by people with any kind of colour sight (Okabe and Ito); the baseline is grey.
constexpr std::string_view kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"};

struct Point {
  double size_bytes, time_us, speedup;  // speed-up 0: there is no baseline
};

struct Series {
  std::string label;
  std::string_view colour;
  std::vector<Point> points;
};

std::string escape(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

std::string label(double x, double y, std::string_view anchor, std::string_view colour, std::string_view text,
                  std::string_view more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" fill=\"{}\" {}>{}</text>\n", x, y, anchor,
                     colour, more, escape(text));
}

std::string line(double x1, double y1, double x2, double y2, std::string_view colour) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"/>\n", x1, y1, x2, y2,
                     colour);
}

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
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" "
      "fill=\"white\"/>\n",
      kWidth, height);
  std::string title = meta.tool;
  if (title.ends_with("_perf")) title.resize(title.size() - 5);
  std::replace(title.begin(), title.end(), '_', '-');
  svg += label(24, 34, "start", kInk, fmt::format("{}: {}", title, what), "font-size=\"20\" font-weight=\"bold\"");
  const std::string op = first.redop == "none" ? "" : ", " + first.redop;
  svg +=
      label(24, 56, "start", kGrey,
            fmt::format("{} ranks on {} node{}, {}{}; median of {} calls, libcoll {}", meta.nranks, meta.hosts.size(),
                        meta.hosts.size() == 1 ? "" : "s", first.type, op, meta.iters, meta.library_version));
  return svg;
}

// A logarithmic axis from data to picture.
struct LogAxis {
  double low, high, from, to;
  double at(double value) const { return from + (to - from) * std::log(value / low) / std::log(high / low); }
};

std::string time_axis(const LogAxis& y) {
  std::string svg;
  const bool few = y.high / y.low < 1e3;
  for (double decade = y.low; decade <= y.high * 1.001; decade *= 10) {
    for (const double step : {1.0, 2.0, 5.0}) {
      const double value = decade * step;
      if (value > y.high * 1.001 || (step > 1 && !few)) continue;
      svg += line(kLeft, y.at(value), kWidth - kRight, y.at(value), kPale);
      svg += label(kLeft - 8, y.at(value) + 4, "end", kGrey,
                   fmt::format("{:g} {}",
                               value < 1e3   ? value
                               : value < 1e6 ? value / 1e3
                                             : value / 1e6,
                               value < 1e3   ? "µs"
                               : value < 1e6 ? "ms"
                                             : "s"));
    }
  }
  return svg;
}

std::string size_axis(const LogAxis& x, double bottom) {
  const int octaves = static_cast<int>(std::lround(std::log2(x.high / x.low)));
  const int every = std::max(1, (octaves + 7) / 8);
  std::string svg;
  for (int octave = 0; octave <= octaves; octave += every) {
    const double size = x.low * std::exp2(octave);
    svg += line(x.at(size), kTop, x.at(size), bottom, kPale);
    svg += label(x.at(size), bottom + 20, "middle", kGrey, size_text(size));
  }
  return svg + label((x.from + x.to) / 2, bottom + 44, "middle", kInk, "size of the message (log)");
}

std::string curves(std::span<const Series> all, const LogAxis& x, const LogAxis& y) {
  std::string svg;
  std::vector<std::pair<double, const Series*>> ends;  // where each curve's name would stand
  for (const Series& series : all) {
    std::string path;
    for (const Point& point : series.points) {
      path += fmt::format("{:.1f},{:.1f} ", x.at(point.size_bytes), y.at(point.time_us));
    }
    svg += fmt::format(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2.5\" stroke-linejoin=\"round\"/>\n", path,
        series.colour);
    for (const Point& point : series.points) {
      svg += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n", x.at(point.size_bytes),
                         y.at(point.time_us), series.colour);
    }
    ends.emplace_back(y.at(series.points.back().time_us), &series);
  }
  std::sort(ends.begin(), ends.end());
  double free = kTop;
  for (const auto& [end, series] : ends) {
    const double at = std::max(end + 4, free);
    free = at + 17;
    const Point& last = series->points.back();
    const std::string gain = last.speedup > 0 ? fmt::format("  {:.1f}×", last.speedup) : "";
    svg += label(kWidth - kRight + 12, at, "start", series->colour, series->label + gain, "font-weight=\"bold\"");
  }
  return svg;
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
  const LogAxis y{std::pow(10, std::floor(std::log10(low))), std::pow(10, std::ceil(std::log10(high * 1.0001))),
                  kBottom, kTop};
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
