#include "result.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace coll::perf {

Summary summarise(std::vector<double> times) {
  if (times.empty()) return {};
  std::sort(times.begin(), times.end());
  const size_t n = times.size();
  const auto rank_99 = static_cast<size_t>(std::ceil(0.99 * static_cast<double>(n)));
  return {.min = times.front(),
          .p50 = (times[(n - 1) / 2] + times[n / 2]) / 2,
          .p99 = times[std::max<size_t>(rank_99, 1) - 1],
          .mean = std::accumulate(times.begin(), times.end(), 0.0) / static_cast<double>(n)};
}

std::string size_text(double bytes) {
  const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < std::size(units); ++unit) bytes /= 1024;
  if (bytes == std::floor(bytes)) return fmt::format("{:.0f} {}", bytes, units[unit]);
  return fmt::format("{:.{}f} {}", bytes, bytes < 10 ? 2 : 1, units[unit]);
}

std::string time_text(double us) {
  const char* const units[] = {"ns", "µs", "ms", "s"};
  double value = us * 1000;
  size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < std::size(units); ++unit) value /= 1000;
  return fmt::format("{:.{}f} {}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, units[unit]);
}

std::string number_text(double value) {
  if (value == 0) return "0";
  if (value >= 1e7 || value < 1e-3) return fmt::format("{:.1e}", value);
  const int digits = value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3;
  return fmt::format("{:.{}f}", value, digits);
}

std::string csv_text(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace coll::perf
