#include "topology/drawing.hpp"

#include <algorithm>
#include <cstdio>

#include "base/status.hpp"
#include "topology/words.hpp"

namespace coll::topo::drawing {

namespace {

constexpr double kCharacter = 0.602;  // of the size, as in the usual monospaced fonts
constexpr double kGap = 4;
constexpr const char* kEllipsis = "\xe2\x80\xa6";

std::string coordinate(double value) {
  char digits[32];
  std::snprintf(digits, sizeof(digits), "%.1f", value);
  return digits;
}

// A name may hold any bytes; only what every reader of SVG takes is kept.
std::string escaped(std::string_view words) {
  std::string safe;
  for (const char c : words) {
    const auto byte = static_cast<unsigned char>(c);
    if (const std::string_view written = entity(c); !written.empty()) {
      safe += written;
    } else {
      safe += byte < 0x20 || byte > 0x7e ? '?' : c;
    }
  }
  return safe;
}

// An ellipsis of fitted() is ours.
std::string shown(std::string_view words) {
  const std::string_view ellipsis(kEllipsis);
  if (!words.ends_with(ellipsis)) return escaped(words);
  return escaped(words.substr(0, words.size() - ellipsis.size())) + kEllipsis;
}

}  // namespace

double width_of(std::string_view words, double size) { return kCharacter * size * static_cast<double>(words.size()); }

std::string fitted(std::string_view words, double width, double size) {
  if (width_of(words, size) <= width) return std::string(words);
  const double room = std::max(0.0, width / (kCharacter * size) - 1);
  return std::string(words.substr(0, static_cast<size_t>(room))) + kEllipsis;
}

std::string rectangle(const Box& box, const Style& style, double corner) {
  return text("<rect x=\"", coordinate(box.x), "\" y=\"", coordinate(box.y), "\" width=\"", coordinate(box.width),
              "\" height=\"", coordinate(box.height), "\" rx=\"", coordinate(corner), "\" fill=\"",
              std::string(style.fill), "\" stroke=\"", std::string(style.stroke), "\"/>\n");
}

std::string line(double x1, double y1, double x2, double y2, std::string_view colour, double thickness) {
  return text("<line x1=\"", coordinate(x1), "\" y1=\"", coordinate(y1), "\" x2=\"", coordinate(x2), "\" y2=\"",
              coordinate(y2), "\" stroke=\"", std::string(colour), "\" stroke-width=\"", coordinate(thickness),
              "\"/>\n");
}

std::string label(double x, double y, std::string_view words, double size, std::string_view ink, bool bold) {
  return text("<text x=\"", coordinate(x), "\" y=\"", coordinate(y), "\" font-size=\"", coordinate(size), "\" fill=\"",
              std::string(ink), "\"", bold ? " font-weight=\"bold\"" : "", ">", shown(words), "</text>\n");
}

std::string labelled(const Box& box, const Style& style, std::string_view words, std::string_view whole) {
  const std::string fit = fitted(words, box.width - 4, kSmall);
  const std::string_view tip = whole.empty() ? words : whole;
  return text("<g><title>", escaped(tip), "</title>\n", rectangle(box, style), "<text x=\"",
              coordinate(box.x + box.width / 2), "\" y=\"", coordinate(box.y + box.height / 2 + 3.5), "\" font-size=\"",
              coordinate(kSmall), "\" text-anchor=\"middle\" fill=\"", std::string(style.ink), "\">", shown(fit),
              "</text></g>\n");
}

std::vector<Box> flow(const std::vector<double>& widths, const Box& area, double height, double* bottom) {
  std::vector<Box> boxes;
  double x = area.x;
  double y = area.y;
  for (const double wanted : widths) {
    const double width = std::min(wanted, area.width);
    if (x > area.x && x + width > area.x + area.width) {
      x = area.x;
      y += height + kGap;
    }
    boxes.push_back({x, y, width, height});
    x += width + kGap;
  }
  *bottom = widths.empty() ? area.y : y + height;
  return boxes;
}

std::string document(double width, double height, std::string_view title, const std::string& shapes) {
  return text("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", coordinate(width), "\" height=\"",
              coordinate(height), "\" viewBox=\"0 0 ", coordinate(width), " ", coordinate(height),
              "\" font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\">\n<title>", escaped(title), "</title>\n",
              rectangle({0, 0, width, height}, {"#ffffff", "none"}, 0), shapes, "</svg>\n");
}

}  // namespace coll::topo::drawing
