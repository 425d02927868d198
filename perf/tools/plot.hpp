// The results as a picture: time against size for each codec and the baseline, or, of one size, a bar for each.
#pragma once

#include <span>
#include <string>

#include "result.hpp"

namespace coll::perf {

// An SVG document. Shows the out-of-place rows where there are any.
std::string to_svg(const Meta& meta, std::span<const Row> rows);

}  // namespace coll::perf
