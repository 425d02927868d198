#include "flags.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <limits>

#include "numbers.hpp"

namespace coll::perf {
namespace {

size_t size_or_throw(const std::string& flag, const std::string& text) {
  const auto size = parse_size(text);
  if (!size) throw CLI::ValidationError(flag, fmt::format("{} is no size; give one as in 8, 64K, 16M or 1G", text));
  return *size;
}

}  // namespace

void SizeFlags::declare(CLI::App* app, std::string_view range) {
  app->add_option("-b,--minbytes", min_bytes, fmt::format("smallest size, as in 8, 64K, 16M, 1G (default {})", range));
  app->add_option("-e,--maxbytes", max_bytes, fmt::format("largest size (default {})", range));
  app->add_option("-i,--stepbytes", step_bytes, "from one size to the next (default 1M)");
  app->add_option("-f,--stepfactor", step_factor, "the same, as a factor (default: steps of -i)")
      ->check(CLI::Range(2, 1 << 20));
}

SizeRange SizeFlags::read(size_t fallback_bytes) const {
  SizeRange range;
  range.step_factor = step_factor;
  range.step_bytes = size_or_throw("--stepbytes", step_bytes);
  range.max_bytes = max_bytes.empty() ? fallback_bytes : size_or_throw("--maxbytes", max_bytes);
  range.min_bytes =
      min_bytes.empty() ? std::min(fallback_bytes, range.max_bytes) : size_or_throw("--minbytes", min_bytes);
  if (max_bytes.empty()) range.max_bytes = std::max(range.max_bytes, range.min_bytes);
  if (range.min_bytes > range.max_bytes) {
    throw CLI::ValidationError("--minbytes", fmt::format("{} is above --maxbytes, {}", min_bytes, max_bytes));
  }
  if (range.step_bytes == 0) throw CLI::ValidationError("--stepbytes", "must be above 0");
  return range;
}

std::vector<size_t> SizeRange::sizes() const {
  std::vector<size_t> all;
  for (size_t size = min_bytes;;) {
    all.push_back(size);
    const size_t factor = static_cast<size_t>(step_factor);
    if (factor > 1 && size > max_bytes / factor) break;
    const size_t next = factor > 1 ? std::max<size_t>(size * factor, 1) : size + step_bytes;
    if (next > max_bytes || next <= size) break;
    size = next;
  }
  return all;
}

std::optional<size_t> parse_size(std::string_view text) {
  size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  int shift = 0;
  if (!unit.empty()) {
    const size_t at = std::string_view("kKmMgG").find(unit.front());
    if (at != std::string_view::npos) {
      shift = 10 * (static_cast<int>(at) / 2 + 1);
      unit.remove_prefix(1);
      if (unit == "iB") unit = "";
    }
    if (unit == "B") unit = "";
  }
  if (!unit.empty() || value > std::numeric_limits<size_t>::max() >> shift) return std::nullopt;
  return value << shift;
}

std::string type_names() {
  std::string all;
  for (const auto& type : all_types()) all += fmt::format("{}{}", all.empty() ? "" : ", ", type.name);
  return all;
}

std::vector<collDataType_t> read_types(const std::string& text) {
  std::vector<collDataType_t> types;
  if (text == "all") {
    for (const auto& type : all_types()) types.push_back(type.type);
  } else if (const auto type = type_named(text)) {
    types = {*type};
  } else {
    throw CLI::ValidationError("--datatype", fmt::format("{} is none of {}, all", text, type_names()));
  }
  return types;
}

}  // namespace coll::perf
