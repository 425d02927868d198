// board: every rank posts its data on the node's board, and everyone reads there what it needs: the plans of oneshot
// (reduces and short allreduces) and direct (the others), with posts in the place of messages.
//
// Used for: exact calls in one node. Cost for S bytes on n ranks: that of oneshot or direct, with αf in the place of α
// and o, where αf is the time that a flag takes from one core to another.
#include <algorithm>
#include <limits>

#include "collectives/algorithms.hpp"

namespace coll::board {

namespace {

// Longer allreduces are shared out: a second post then costs less than reading and reducing everything everywhere.
constexpr size_t kMostOneshotBytes = 8192;  // of all ranks' inputs
// A call is cut, so that a rank reads one post while another is written; shorter ones spend more on their flags.
constexpr size_t kPostBytes = size_t{16} << 10;

// Inputs that are posted before the first result. Ranks that wait for a core find more to do at every turn.
constexpr size_t kPostsAhead = 2;
constexpr size_t kPostsAheadOfMany = 12;
constexpr size_t kShardUnitBytes = 64;  // shards and pieces are multiples of it

bool shared_out(const topo::Topology& topology, const PlanQuery& query) {
  if (query.func == collFuncReduce) return false;
  const size_t bytes = query.count * size_of(query.type) * static_cast<size_t>(topology.nranks);
  return query.func != collFuncAllReduce || bytes > kMostOneshotBytes;
}

// What a chunk takes of a call: as much as fills a post, in which a block of a gather is alone, and of an alltoall all
// are but the rank's own.
size_t chunk_bytes(const topo::Topology& topology, const PlanQuery& query) {
  const size_t most = query.chunk_bytes > 0 ? query.chunk_bytes : kPostBytes;
  const bool block_alone = query.func == collFuncAllGather || query.func == collFuncGather;
  const auto nranks = static_cast<size_t>(topology.nranks);
  const size_t post = std::min(most, query.board_bytes);
  if (query.func == collFuncAlltoAll) return post / (nranks - 1) * nranks;
  return post * (block_alone ? nranks : 1);
}

}  // namespace

bool serves(const topo::Topology& topology, const PlanQuery& query) {
  if (topology.nranks == 1 || topology.nodes.size() > 1 || query.codec.lossy) return false;
  if (topology.nranks > kMostBoardRanks || query.board_bytes < kMostBoardRanks * kShardUnitBytes) return false;
  return oneshot::serves(topology, query) || direct::serves(topology, query);
}

Plan plan(const topo::Topology& topology, const PlanQuery& query) {
  PlanQuery cut = query;
  cut.chunk_bytes = chunk_bytes(topology, query);
  cut.buffer_bytes = std::numeric_limits<size_t>::max() / 2;  // needs no staging
  Plan plan = shared_out(topology, query) ? direct::plan(topology, cut) : oneshot::plan(topology, cut);
  plan.algorithm = kName;
  plan.on_board = true;
  plan.posts_ahead = topology.oversubscribed() ? kPostsAheadOfMany : kPostsAhead;
  return plan;
}

}  // namespace coll::board
