#include "topology/words.hpp"

#include <cstdio>
#include <iterator>

#include "base/status.hpp"

namespace coll::topo {

std::string number(double value) {
  char digits[32];
  std::snprintf(digits, sizeof(digits), "%.6g", value);
  return digits;
}

std::string size_text(size_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  char digits[32];
  std::snprintf(digits, sizeof(digits), "%.3g", value >= 1000 ? 1000 : value);
  return text(digits, " ", kUnits[unit]);
}

std::string rate_text(uint64_t bytes_per_s) { return text(number(static_cast<double>(bytes_per_s) / 1e9), " GB/s"); }

std::string counted(int count, const std::string& thing) { return text(count, " ", thing, count == 1 ? "" : "s"); }

std::string ranges(std::span<const int> values) {
  std::string all;
  for (size_t i = 0; i < values.size();) {
    size_t last = i;
    while (last + 1 < values.size() && values[last + 1] == values[last] + 1) ++last;
    all += text(all.empty() ? "" : ", ", values[i]);
    if (last > i) all += text("-", values[last]);
    i = last + 1;
  }
  return all;
}

std::string ranks_text(std::span<const int> ranks) {
  return text(ranks.size() == 1 ? "rank " : "ranks ", ranges(ranks));
}

std::string_view entity(char c) {
  if (c == '&') return "&amp;";
  if (c == '<') return "&lt;";
  return c == '>' ? "&gt;" : "";
}

}  // namespace coll::topo
