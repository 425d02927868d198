#include "chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "result.hpp"

namespace coll::perf::chart {

namespace {

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

}  // namespace

std::string label(double x, double y, std::string_view anchor, std::string_view colour, std::string_view text,
                  std::string_view more) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" fill=\"{}\" {}>{}</text>\n", x, y, anchor,
                     colour, more, escape(text));
}

std::string line(double x1, double y1, double x2, double y2, std::string_view colour) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"/>\n", x1, y1, x2, y2,
                     colour);
}

double LogAxis::at(double value) const {
  return high > low ? from + (to - from) * std::log(value / low) / std::log(high / low) : (from + to) / 2;
}

LogAxis axis_of_times(double low_us, double high_us, double bottom) {
  return {std::pow(10, std::floor(std::log10(low_us))), std::pow(10, std::ceil(std::log10(high_us * 1.0001))), bottom,
          kTop};
}

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

std::string begin(double width, double height, std::string_view title, std::string_view words) {
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
             "height=\"{1:.0f}\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\">\n<rect "
             "width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
             width, height) +
         label(24, 34, "start", kInk, title, "font-size=\"20\" font-weight=\"bold\"") +
         label(24, 56, "start", kGrey, words);
}

}  // namespace coll::perf::chart
