// The command line of the perf tools: nccl-tests' flags, then ours.
#pragma once

#include <coll/coll.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flags.hpp"

namespace coll::perf {

enum class Average { kRank0 = 0, kMean = 1, kMin = 2, kMax = 3 };  // how ranks' times become one

struct Options : SizeRange {
  int iters = 20, warmup_iters = 5, check_iters = 1;
  std::vector<collRedOp_t> ops;
  std::vector<collDataType_t> types;
  int root = 0;
  Average average = Average::kMax;
  bool blocking = true;  // false: calls go through a host stream
  std::vector<std::string> codecs;
  std::string input;  // "": made-up values
  bool baseline = false;
  bool out_of_place = true, in_place = true;
  std::string json_file, csv_file, plot_file;
  int timeout_ms = COLL_UNSET;
  bool progress = false;
  bool library_memory = false;  // buffers from collMemAlloc or collMemAllocDevice
  bool device_memory = false;   // ... of a GPU
  int ranks_per_gpu = 0;        // 0: as few as there are devices for
  bool join_by_id = false;      // false: from the MPI communicator
};

// The options, or what to print (to stderr where the status is not 0) and the status to end with.
struct Parsed {
  std::optional<Options> options;
  std::string text;
  int status = 0;
};

// What the tool's command line needs to know about its collective.
struct ToolTraits {
  std::string_view name;
  std::string_view what;  // one line for --help
  bool reduces = false, rooted = false, has_codec = false;
  bool can_be_in_place = true;
};

Parsed parse_options(const ToolTraits& tool, int argc, const char* const* argv);

std::string_view name(Average average);

}  // namespace coll::perf
