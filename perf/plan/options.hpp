// The command line of coll_plan.
#pragma once

#include <optional>
#include <string>

#include "cluster.hpp"
#include "sheet.hpp"

namespace coll::plan_tool {

struct Options {
  Description cluster;
  Question question;
  std::string json_file, plot_file, picture_file;
};

// The options, or what to print (to stderr where the status is not 0) and the status to end with.
struct Parsed {
  std::optional<Options> options;
  std::string text;
  int status = 0;
};

Parsed parse_options(int argc, const char* const* argv);

}  // namespace coll::plan_tool
