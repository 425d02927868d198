// A tuning file for people.
#pragma once

#include <string>

#include "topology/tuning_file.hpp"

namespace coll::perf {

std::string tuning_text(const topo::TuningFile& file);

}  // namespace coll::perf
