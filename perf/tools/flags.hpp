// Flags that all perf tools have, and what they mean.
#pragma once

#include <coll/coll.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace coll::perf {

// Message sizes from the smallest to the largest.
struct SizeRange {
  size_t min_bytes = 0, max_bytes = 0, step_bytes = 0;
  int step_factor = 1;  // 1: steps of step_bytes

  std::vector<size_t> sizes() const;
};

// -b, -e, -i and -f as they were given.
struct SizeFlags {
  std::string min_bytes, max_bytes, step_bytes = "1M";
  int step_factor = 1;

  // `range`: in words, what is measured where neither -b nor -e is given.
  void declare(CLI::App* app, std::string_view range);
  // Throws CLI::ValidationError. Where only one end is given the other is `fallback_bytes`, or the same.
  SizeRange read(size_t fallback_bytes) const;
};

// "64", "64K", "16M", "1G", with or without B or iB; nothing where it is none.
std::optional<size_t> parse_size(std::string_view text);

// Names of all data types, and the type that `text` names; throws CLI::ValidationError.
std::string type_names();
std::vector<collDataType_t> read_types(const std::string& text);

}  // namespace coll::perf
