// The command line of codec_perf: the perf tools' flags, as far as they mean something for one process.
#pragma once

#include <coll/coll.h>

#include <optional>
#include <string>
#include <vector>

#include "base/simd.hpp"
#include "perf/tools/flags.hpp"

namespace coll::perf {

enum class Stores { kAuto, kPlain, kStream };  // of elements: streamed ones go past the caches

struct CodecOptions : SizeRange {
  int iters = 20, warmup_iters = 5, check_iters = 1;
  int ranks = 2;  // contributions to a reduction
  std::vector<collDataType_t> types;
  std::vector<std::string> codecs;
  std::vector<Isa> isas;
  Stores stores = Stores::kAuto;
  std::vector<std::string> inputs;     // empty: made-up values; more than one: with --accuracy
  bool on_device = false;              // buffers are a GPU's memory
  int threads = 0, blocks_per_sm = 0;  // of its kernels; 0: as tuned
  bool accuracy = false;               // ratios and errors instead of times
  std::string json_file, csv_file;
  bool progress = false;
};

struct CodecParsed {
  std::optional<CodecOptions> options;
  std::string text;  // what to print where there are none, to stderr where the status is not 0
  int status = 0;
};

CodecParsed parse_codec_options(int argc, const char* const* argv);

}  // namespace coll::perf
