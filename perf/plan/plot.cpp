// The predictions as a picture: a curve for each codec, and below the sizes at which an algorithm is taken.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "../tools/chart.hpp"
#include "../tools/result.hpp"
#include "report.hpp"

namespace coll::plan_tool {

namespace {

using perf::chart::kColours, perf::chart::kGrey, perf::chart::kInk, perf::chart::kLeft, perf::chart::kRight,
    perf::chart::kWidth;
using perf::chart::label, perf::chart::line, perf::chart::LogAxis, perf::chart::Series;

constexpr double kInset = 26;                // of the first and last size from the ends of the axis
constexpr double kBottom = 500;              // of the curves
constexpr double kStrip = 34, kGap = 6;      // a strip's height, and what is between two
constexpr double kStrips = kBottom + 66;     // where the first begins
constexpr double kLetter = 6.2, kLine = 12;  // of the small text

std::string_view colour_of(size_t codec) { return kColours[codec % std::size(kColours)]; }

std::vector<Series> series_of(const Report& report) {
  std::vector<Series> all;
  for (size_t codec = 0; codec < report.question.codecs.size(); ++codec) {
    Series series{report.question.codecs[codec]->spec(), colour_of(codec), {}};
    for (const Line& line : report.lines) {
      const Entry& entry = line.entries[codec];
      if (entry.taken < 0) continue;
      series.points.push_back({static_cast<double>(line.size_bytes), entry.choice().cost.us, 0});
    }
    if (!series.points.empty()) all.push_back(std::move(series));
  }
  return all;
}

// Sizes in a row at which the same is taken, from one place of the axis to another.
struct Cell {
  double from, to;
  std::string words;
  std::string_view colour;
};

// In one line where they fit, else in several, cut at what is between names.
std::string words_in(const Cell& cell, double top) {
  std::vector<std::string> lines = {cell.words};
  if (static_cast<double>(cell.words.size()) * kLetter > cell.to - cell.from - 4) {
    lines = {""};
    for (const char c : cell.words) {
      if (c != ' ') lines.back() += c;
      if (c == ' ' || c == '_') lines.emplace_back();
    }
  }
  std::string svg;
  double y = top + kStrip / 2 + 4 - kLine * static_cast<double>(lines.size() - 1) / 2;
  for (const std::string& words : lines) {
    svg += label((cell.from + cell.to) / 2, y, "middle", kInk, words, "font-size=\"11\"");
    y += kLine;
  }
  return svg;
}

std::string strip(double top, std::string_view name, std::string_view colour, const std::vector<Cell>& cells) {
  std::string svg = label(kLeft - 8, top + kStrip / 2 + 4, "end", colour, name, "font-weight=\"bold\"");
  for (const Cell& cell : cells) {
    svg += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\" fill-opacity=\"0.16\" "
        "stroke=\"white\" stroke-width=\"2\"><title>{}</title></rect>\n",
        cell.from, top, cell.to - cell.from, kStrip, cell.colour, cell.words);
    svg += words_in(cell, top);
  }
  return svg;
}

// Cells over all sizes; `words_of` and `colour_of_line` say what is taken at one. Empty words: nothing is.
template <typename Words, typename Colour>
std::vector<Cell> cells_of(std::span<const Line> lines, const LogAxis& x, const Words& words_of_line,
                           const Colour& colour_of_line) {
  std::vector<Cell> cells;
  for (size_t i = 0; i < lines.size(); ++i) {
    const double at = x.at(static_cast<double>(lines[i].size_bytes));
    const double before = i == 0 ? x.from - kInset : (x.at(static_cast<double>(lines[i - 1].size_bytes)) + at) / 2;
    const bool last = i + 1 == lines.size();
    const double after = last ? x.to + kInset : (x.at(static_cast<double>(lines[i + 1].size_bytes)) + at) / 2;
    const std::string words = words_of_line(lines[i]);
    if (words.empty()) continue;
    if (!cells.empty() && cells.back().words == words && cells.back().to >= before - 0.1) {
      cells.back().to = after;
    } else {
      cells.push_back({before, after, words, colour_of_line(lines[i])});
    }
  }
  return cells;
}

std::string strips(const Report& report, const LogAxis& x) {
  double top = kStrips;
  std::string svg;
  if (report.question.codecs.size() > 1) {
    const auto fastest = [&](const Line& line) {
      return report.question.codecs[static_cast<size_t>(line.fastest)]->spec();
    };
    const auto colour = [](const Line& line) { return colour_of(static_cast<size_t>(line.fastest)); };
    svg += strip(top, "fastest", kInk, cells_of(report.lines, x, fastest, colour));
    top += kStrip + kGap;
  }
  for (size_t codec = 0; codec < report.question.codecs.size(); ++codec) {
    const bool chooses = report.question.codecs[codec]->traits().chooses;
    const auto words = [&](const Line& line) {
      const Entry& entry = line.entries[codec];
      if (entry.taken < 0) return std::string();
      return fmt::format("{}{}", chooses ? entry.codec + " " : "", entry.choice().algorithm);
    };
    const auto colour = [codec](const Line&) { return colour_of(codec); };
    svg += strip(top, report.question.codecs[codec]->traits().name, colour_of(codec),
                 cells_of(report.lines, x, words, colour));
    top += kStrip + kGap;
  }
  return svg;
}

}  // namespace

std::string as_svg(const Report& report) {
  const std::vector<Series> all = series_of(report);
  double low = 1e300, high = 0;
  for (const Series& series : all) {
    for (const auto& point : series.points) low = std::min(low, point.time_us), high = std::max(high, point.time_us);
  }
  const auto smallest = static_cast<double>(report.lines.front().size_bytes);
  const auto largest = static_cast<double>(report.lines.back().size_bytes);
  const LogAxis x{smallest, largest, kLeft + kInset, kWidth - kRight - kInset};
  const LogAxis y = perf::chart::axis_of_times(low, high, kBottom);
  const auto count = static_cast<double>(report.question.codecs.size() + (report.question.codecs.size() > 1 ? 1 : 0));
  const std::string& words = report.cluster.words;
  std::string svg =
      perf::chart::begin(kWidth, kStrips + count * (kStrip + kGap) + 14,
                         words_of(report.question) + ": predicted time by size", words.substr(0, words.find('\n')));
  svg += perf::chart::size_axis(x, kBottom) + perf::chart::time_axis(y);
  svg += line(kLeft, kBottom, kWidth - kRight, kBottom, kGrey);
  svg += label(24, perf::chart::kTop - 18, "start", kInk, "time of a call (log)");
  return svg + perf::chart::curves(all, x, y) + strips(report, x) + "</svg>\n";
}

}  // namespace coll::plan_tool
