// codec_perf --memory device: the kernels beside the device's own copy.
#pragma once

#include "options.hpp"
#include "perf/tools/files.hpp"
#include "report.hpp"

namespace coll::perf {

// Prints a line per row as it is measured; `meta` gets the device's name.
Problem measure_on_device(const CodecOptions& options, CodecMeta* meta, std::vector<CodecRow>* rows);

}  // namespace coll::perf
