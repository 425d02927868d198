// What each codec makes of whole data sets: its ratio and its errors. Nothing is timed, so that the same table comes
// out everywhere and a change of a codec shows as a difference.
#pragma once

#include <string>

#include "options.hpp"
#include "perf/tools/files.hpp"

namespace coll::perf {

// The table as CSV: for every input and codec one encoding of each rank's file, and the ranks' sum encoded once more.
// *wrong: elements that break their bounds.
Problem measure_accuracy(const CodecOptions& options, std::string* csv, uint64_t* wrong);

}  // namespace coll::perf
