// codec_perf --memory device: the kernels beside the device's own copy.
#pragma once

#include "options.hpp"
#include "perf/tools/files.hpp"
#include "rows.hpp"

namespace coll::perf {

// `meta`, which the rows are of, gets the device's name.
Problem measure_on_device(const CodecOptions& options, CodecMeta* meta, CodecRows* rows);

}  // namespace coll::perf
