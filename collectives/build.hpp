// What the algorithms have in common: filling in a plan, and cutting the elements into shards and pieces.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "collectives/planner.hpp"

namespace coll {

// Picks of a plan's lists. Positions wrap around the list's end, on either side.
inline Pick one(int list, int at) { return {list, at, 1, 0}; }                        // the same entry each round
inline Pick each(int list, int at, int stride = 1) { return {list, at, 1, stride}; }  // one entry a round
inline Pick many(int list, int at, int count) { return {list, at, count, 0}; }        // several, the same each round
inline Pick window(int list, int at, int count) {
  return {list, at, count, count};
}  // several, the next ones each round

// Fills a plan for query.rank. Lists and steps are appended in the order of the calls.
class PlanBuilder {
 public:
  PlanBuilder(std::string_view algorithm, const topo::Topology& topology, const PlanQuery& query);

  int list(std::vector<int> entries);
  int identity(int size);  // the list 0, 1, ..., size-1
  Step& step(std::string_view what, int rounds = 1);
  Plan& plan() { return plan_; }

  // How contributions and results travel between ranks where a codec may be in use.
  Wire coded_or(Wire exact) const { return query_.codec.lossy ? Wire::kCoded : exact; }
  // A step that copies this rank's own data of a shard to its output.
  Step& copy_own(Pick shard);
  // A step that publishes this rank's own data unchanged (allgather, broadcast), to the output too; `to` is still open.
  Step& publish(std::string_view what, int rounds = 1);

  // How the call's elements are cut: one shard for each of `parts`, or each rank's block where there are such. Shards
  // of a cut vector begin at multiples of the codec's block and of a cache line.
  void cut_shards(int parts);
  // The messages are whole blocks that are only copied: in a node by the kernel, from where they lie to where they go.
  void copy_blocks() { copies_blocks_ = true; }
  // Finishes: `staging` is how many times the bytes of all pieces a chunk keeps in memory at most.
  Plan finish(double staging, Hops hops) { return finish(staging, hops, hops.total()); }
  // The same where pieces go down a chain of another length, which is to be filled with them.
  Plan finish(double staging, Hops hops, int chain);

 private:
  void cut_pieces(double staging, int chain);
  size_t most_chunks() const;
  double least_piece_bytes(double pieces) const;
  size_t unit() const;

  const PlanQuery& query_;
  const bool on_devices_;
  const bool in_caches_;  // messages are read out of them: on cores of one node
  bool copies_blocks_ = false;
  Plan plan_;
};

// The plan of a communicator of one rank: a copy.
Plan copy_plan(std::string_view algorithm, const topo::Topology& topology, const PlanQuery& query);

// `count` hops between any two ranks: between nodes where there are several.
Hops flat_hops(const topo::Topology& topology, int count);

// Ranks by node, so that neighbours mostly share one.
std::vector<int> by_node(const topo::Topology& topology);
int log2_ceil(int value);
// Where `value` stands in `list`.
int position(const std::vector<int>& list, int value);

// Ranks counted from `root` on, in an order that goes node by node.
struct Places {
  std::vector<int> ranks;  // by place; the root's is 0
  int me;                  // the place of `rank`
};
Places places_from(const topo::Topology& topology, int root, int rank);

}  // namespace coll
