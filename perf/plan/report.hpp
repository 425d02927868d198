// The table of predictions as text, JSON and a picture.
#pragma once

#include <span>
#include <string>

#include "cluster.hpp"
#include "sheet.hpp"

namespace coll::plan_tool {

struct Report {
  const Cluster& cluster;
  const Question& question;
  std::span<const Line> lines;
};

std::string as_text(const Report& report);
std::string as_json(const Report& report);
// Time of what is taken against size, for each codec, and below which algorithm that is.
std::string as_svg(const Report& report);

// "allreduce of float, sum": the calls in words.
std::string words_of(const Question& question);

}  // namespace coll::plan_tool
