// The few shapes that drawings are made of, as SVG. Text is monospaced, so that its width is known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace coll::topo::drawing {

struct Box {
  double x = 0, y = 0, width = 0, height = 0;
};

struct Style {
  std::string_view fill;
  std::string_view stroke;
  std::string_view ink = "#222222";
};

inline constexpr double kSmall = 10, kNormal = 11, kLarge = 16;  // sizes of text

double width_of(std::string_view words, double size);
// As much of it as fits, with an ellipsis where that is not all.
std::string fitted(std::string_view words, double width, double size);

std::string rectangle(const Box& box, const Style& style, double corner = 3);
std::string line(double x1, double y1, double x2, double y2, std::string_view colour, double thickness);
// `y` is the baseline.
std::string label(double x, double y, std::string_view words, double size, std::string_view ink, bool bold = false);
// A box with words in its middle, cut to fit, and all of them where the pointer rests on it.
std::string labelled(const Box& box, const Style& style, std::string_view words, std::string_view whole = {});

// Where boxes of these widths lie, in rows of `width`, each `height` high; `*bottom` is the end of the last row.
std::vector<Box> flow(const std::vector<double>& widths, const Box& area, double height, double* bottom);

// A whole document.
std::string document(double width, double height, std::string_view title, const std::string& shapes);

}  // namespace coll::topo::drawing
