// Who sends to whom, hop by hop: the plans of all ranks run together, without data.
#pragma once

#include <string>
#include <vector>

#include "collectives/planner.hpp"

namespace coll::plan_tool {

inline constexpr int kMostDrawnRanks = 32;

struct Message {
  int from, to;
  int hop;  // from 1 on: how many messages, each made of the one before, lead to it
  Wire wire;
  double bytes;  // of the whole call
};

struct Journey {
  std::vector<Message> messages;  // by hop, then by sender
  int hops = 0;
};

// `algorithm` serves the query. collInternalError where the plans of the ranks do not fit together.
Status follow(const topo::Topology& topology, const PlanQuery& query, const Algorithm& algorithm, Journey* journey);

// The same as a picture (SVG): ranks side by side by node, time downwards. At most kMostDrawnRanks.
std::string draw(const topo::Topology& topology, const Journey& journey, std::string_view title,
                 std::string_view words);

}  // namespace coll::plan_tool
