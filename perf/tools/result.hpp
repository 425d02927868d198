// What one measurement gave: a row of the table, of the JSON and of the CSV.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace coll::perf {

// Of the times of single calls.
struct Summary {
  double min = 0, p50 = 0, p99 = 0, mean = 0;
};

// p50 is the median; p99 the smallest time that 99 % of the calls do not exceed.
Summary summarise(std::vector<double> times);

struct Verdict {
  uint64_t wrong = 0;  // elements out of bounds, and ranks that hold other bits than rank 0
  double max_abs_error = 0;
  double error_bound = 0;  // the largest bound of any element
  double worst_ratio = 0;  // the largest error over the bound of its own element
};

struct BaselineResult {
  std::string name;
  double p50_us = 0;
  double speedup = 0;  // baseline's p50 over ours
};

struct Row {
  size_t size_bytes = 0;
  size_t count = 0;
  std::string type, redop, codec, algorithm;
  std::string chosen;  // what the codec came to for this call: itself, unless it is one that chooses
  bool in_place = false;
  Summary time_us;
  double algbw_gbs = 0, busbw_gbs = 0;  // from p50; 10^9 bytes per second
  uint64_t sent_bytes = 0;              // by the rank that sends most, in one call
  double ratio = 1;                     // bytes without the codec over bytes sent, all ranks together
  std::optional<Verdict> verdict;       // nothing where checking is off
  std::optional<BaselineResult> baseline;
};

// What all rows have in common.
struct Meta {
  std::string tool, command, library_version, mpi_version, input, average, baseline, time, memory = "host", device;
  std::vector<std::string> hosts;  // distinct, in rank order
  int nranks = 0;
  int iters = 0, warmup_iters = 0, check_iters = 0;
  int root = 0;
  bool blocking = true;
};

// "16 MiB", "1.5 KiB", "12 B".
std::string size_text(double bytes);
// "823 ns", "12.3 µs", "268 ms", "1.20 s".
std::string time_text(double us);
// Four significant digits, as plain a number as fits.
std::string number_text(double value);
// A field of a CSV file, in quotes where it needs them.
std::string csv_text(const std::string& text);

}  // namespace coll::perf
