// The results of overlap_perf as text for people, as JSON and as CSV.
#pragma once

#include <span>
#include <string>

#include "contest.hpp"
#include "perf/tools/result.hpp"

namespace coll::perf {

std::string overlap_head(const Meta& meta, const OverlapOptions& options);
std::string overlap_line(const OverlapRow& row);
std::string overlap_json(const Meta& meta, const OverlapOptions& options, std::span<const OverlapRow> rows);
std::string overlap_csv(std::span<const OverlapRow> rows);

}  // namespace coll::perf
