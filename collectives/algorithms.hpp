// The algorithms, one file each. registry.cpp lists them; nothing else names one.
#pragma once

#include "collectives/planner.hpp"

#define COLL_DECLARE_ALGORITHM(space, text)                            \
  namespace coll::space {                                              \
  inline constexpr std::string_view kName = text;                      \
  bool serves(const topo::Topology& topology, const PlanQuery& query); \
  Plan plan(const topo::Topology& topology, const PlanQuery& query);   \
  }

COLL_DECLARE_ALGORITHM(board, "board")
COLL_DECLARE_ALGORITHM(direct, "direct")
COLL_DECLARE_ALGORITHM(oneshot, "oneshot")
COLL_DECLARE_ALGORITHM(halving, "halving")
COLL_DECLARE_ALGORITHM(ring, "ring")
COLL_DECLARE_ALGORITHM(doubling, "doubling")
COLL_DECLARE_ALGORITHM(tree, "tree")
COLL_DECLARE_ALGORITHM(double_tree, "double_tree")
COLL_DECLARE_ALGORITHM(bruck, "bruck")
COLL_DECLARE_ALGORITHM(pair, "pair")
COLL_DECLARE_ALGORITHM(scatter, "scatter")
COLL_DECLARE_ALGORITHM(hier_direct, "hier_direct")
COLL_DECLARE_ALGORITHM(hier_ring, "hier_ring")
COLL_DECLARE_ALGORITHM(hier_levels, "hier_levels")

#undef COLL_DECLARE_ALGORITHM
