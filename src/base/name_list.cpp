#include "base/name_list.hpp"

#include <algorithm>

namespace coll {

Status parse_name_list(std::string_view variable, std::string_view list, std::span<const std::string_view> valid,
                       std::vector<bool>* allowed) {
  const auto wrong = [&](const std::string& what) {
    return Status(collInvalidArgument, text(variable, "=", list, ": ", what, "; valid names: ", joined(valid),
                                            " (a leading ^ excludes the names that follow)"));
  };
  const bool excludes = list.starts_with('^');
  std::string_view rest = excludes ? list.substr(1) : list;
  allowed->assign(valid.size(), excludes || list.empty());
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const auto found = std::find(valid.begin(), valid.end(), rest.substr(0, comma));
    if (found == valid.end()) return wrong(text("'", rest.substr(0, comma), "' is not known"));
    (*allowed)[static_cast<size_t>(found - valid.begin())] = !excludes;
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  if (std::find(allowed->begin(), allowed->end(), true) == allowed->end()) return wrong("nothing is left to use");
  return {};
}

}  // namespace coll
