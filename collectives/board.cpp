// board: every rank posts its data on the node's board, and everyone reads there what it needs: the plans of oneshot
// (allreduce) and direct (the others), with posts in the place of messages.
//
// Used for: exact calls in one node whose data fits a slot of the board. Cost for S bytes on n ranks:
// αf + (n-1)·S·β + n·S·γ for allreduce, where αf is the time that a flag takes from one core to another.
#include <limits>

#include "collectives/algorithms.hpp"

namespace coll::board {

namespace {

// Bytes that the rank with the most to post posts.
size_t posted_bytes(const topo::Topology& topology, const PlanQuery& query) {
  const size_t blocks = query.func == collFuncReduceScatter ? static_cast<size_t>(topology.nranks) : 1;
  return blocks * query.count * size_of(query.type);
}

}  // namespace

bool serves(const topo::Topology& topology, const PlanQuery& query) {
  if (query.func > collFuncBroadcast) return false;
  if (topology.nranks == 1 || topology.nodes.size() > 1 || query.codec.lossy) return false;
  if (topology.nranks > kMostBoardRanks || posted_bytes(topology, query) > query.board_bytes) return false;
  return oneshot::serves(topology, query) || direct::serves(topology, query);
}

Plan plan(const topo::Topology& topology, const PlanQuery& query) {
  PlanQuery whole = query;  // a post is never cut
  whole.chunk_bytes = whole.buffer_bytes = std::numeric_limits<size_t>::max() / 2;
  const bool all_need_all = query.func == collFuncAllReduce;
  Plan plan = all_need_all ? oneshot::plan(topology, whole) : direct::plan(topology, whole);
  plan.algorithm = kName;
  plan.on_board = true;
  return plan;
}

}  // namespace coll::board
