// What charts of times against sizes are made of, as SVG.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coll::perf::chart {

inline constexpr double kWidth = 900, kLeft = 90, kRight = 190, kTop = 104;
inline constexpr std::string_view kInk = "#222222", kPale = "#e4e4e4", kGrey = "#6b6b6b";
// Told apart by people with any kind of colour sight (Okabe and Ito); a baseline is grey.
inline constexpr std::string_view kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                "#e69f00", "#56b4e9", "#000000"};

// `more`: further attributes. `y` is the text's baseline.
std::string label(double x, double y, std::string_view anchor, std::string_view colour, std::string_view text,
                  std::string_view more = "");
std::string line(double x1, double y1, double x2, double y2, std::string_view colour);

// A logarithmic axis from data to picture.
struct LogAxis {
  double low, high, from, to;
  double at(double value) const;
};

// One whose ends are powers of ten around the times.
LogAxis axis_of_times(double low_us, double high_us, double bottom);
std::string time_axis(const LogAxis& y);
std::string size_axis(const LogAxis& x, double bottom);

struct Point {
  double size_bytes, time_us, speedup;  // speed-up 0: there is no baseline
};

struct Series {
  std::string label;
  std::string_view colour;
  std::vector<Point> points;
};

// A curve for each, with its name at its end.
std::string curves(std::span<const Series> all, const LogAxis& x, const LogAxis& y);

// The beginning of a document of that width and height, with its title and a line below; "</svg>" ends it.
std::string begin(double width, double height, std::string_view title, std::string_view words);

}  // namespace coll::perf::chart
