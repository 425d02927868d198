// The command line of overlap_perf.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "perf/tools/flags.hpp"

namespace coll::perf {

struct OverlapOptions : SizeRange {
  int iters = 20, warmup_iters = 5, check_iters = 1;
  double work = 1;  // length of the compute loop, of the collective's own time
  std::vector<std::string> codecs;
  bool thread_multiple = true;
  std::string json_file, csv_file;
  int timeout_ms = COLL_UNSET;
};

// The options, or what to print (to stderr where the status is not 0) and the status to end with.
struct OverlapParsed {
  std::optional<OverlapOptions> options;
  std::string text;
  int status = 0;
};

OverlapParsed parse_overlap_options(int argc, const char* const* argv);

}  // namespace coll::perf
