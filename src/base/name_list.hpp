// Lists of registered names as variables take them: "ring,direct" allows these, "^ring" all but these, "" all.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.hpp"

namespace coll {

// "a, b, c"
inline std::string joined(std::span<const std::string_view> names) {
  std::string all;
  for (const std::string_view name : names) all += text(all.empty() ? "" : ", ", name);
  return all;
}

// allowed[i] tells whether valid[i] may be used. An unknown name, or a list that allows nothing, is collInvalidArgument
// that names `variable` and lists the valid names.
Status parse_name_list(std::string_view variable, std::string_view list, std::span<const std::string_view> valid,
                       std::vector<bool>* allowed);

}  // namespace coll
