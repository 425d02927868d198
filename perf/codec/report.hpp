// codec_perf's results as text for people, as JSON and as CSV.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "perf/tools/result.hpp"

namespace coll::perf {

// One operation of one codec at one size, beside memcpy.
struct CodecRow {
  size_t size_bytes = 0;  // of the elements that one contribution has
  size_t count = 0;
  std::string_view type;
  std::string codec;
  std::string_view isa, operation;
  size_t moved_bytes = 0;  // read and written by one call
  Summary time_us;         // of one call
  double gbs = 0, memcpy_gbs = 0;
  double ratio = 0;  // of our rate to memcpy's, sample by sample: the median
  std::optional<Verdict> verdict;
};

// Samples in microseconds per call, each of `copies` taken right before that of `ours`: into times, rates and ratio.
void take_samples(const std::vector<double>& ours, const std::vector<double>& copies, CodecRow* row);

// What all rows have in common.
struct CodecMeta {
  std::string command, time, host, library_version, input, memory = "host";
  int ranks = 0, iters = 0, warmup_iters = 0;
};

std::string codec_head(const CodecMeta& meta);
std::string codec_line(const CodecRow& row);
std::string codec_json(const CodecMeta& meta, std::span<const CodecRow> rows);
std::string codec_csv(std::span<const CodecRow> rows);

}  // namespace coll::perf
