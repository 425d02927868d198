#include "collectives/build.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

namespace coll {

namespace {

// Pipelining. More chunks overlap better, but each costs its messages' latencies once more.
constexpr size_t kChunksWanted = 8;           // of a call that is long enough
constexpr size_t kChunksPerHop = 2;           // at least, so that chains of hops fill
constexpr double kMinPieceWireBytes = 16384;  // below this a message costs mostly latency
constexpr size_t kCacheLine = 64;
// On devices a message of this length takes about as long over PCIe as starting its step (topo::DeviceRates).
constexpr double kLeastDevicePieceBytes = 256 << 10;
// In a node the memory of the messages is read where it lies: pieces that stay in the L2 cache until then, and chunks
// of which four fit a rank's arena (transport/shm).
constexpr size_t kLeastNodeChunkBytes = size_t{256}
                                        << 10;  // shorter ones spend more on their messages than on their bytes
constexpr size_t kMostNodePieceBytes = size_t{256} << 10;
constexpr size_t kMostNodeChunkBytes = size_t{1} << 20;
// What the kernel copies is in nobody's way until then, and every piece costs a system call and its messages. Where it
// may not, two chunks fit a rank's arena.
constexpr size_t kMostCopiedChunkBytes = size_t{2} << 20;

size_t ceil_div(size_t a, size_t b) { return a / b + (a % b != 0); }
size_t align_up(size_t value, size_t unit) { return ceil_div(value, unit) * unit; }
size_t align_down(size_t value, size_t unit) { return std::max(value / unit * unit, unit); }

}  // namespace

PlanBuilder::PlanBuilder(std::string_view algorithm, const topo::Topology& topology, const PlanQuery& query)
    : query_(query),
      on_devices_(is_on_devices(topology, query)),
      in_caches_(topology.nodes.size() == 1 && !on_devices_) {
  plan_.algorithm = algorithm;
  plan_.func = query.func;
  plan_.rank = query.rank;
  plan_.nranks = topology.nranks;
  plan_.steps.reserve(8);
  plan_.lists.reserve(8);
  const auto own = static_cast<size_t>(query.rank) * query.count;
  if (query.func == collFuncReduceScatter || query.func == collFuncScatter) plan_.output_origin = own;
  if (query.func == collFuncAllGather || query.func == collFuncGather) plan_.input_origin = own;
  plan_.by_distance = query.func == collFuncAlltoAll;
}

int PlanBuilder::list(std::vector<int> entries) {
  plan_.lists.push_back(std::make_shared<const std::vector<int>>(std::move(entries)));
  return static_cast<int>(plan_.lists.size()) - 1;
}

int PlanBuilder::identity(int size) {
  std::vector<int> entries(static_cast<size_t>(size));
  std::iota(entries.begin(), entries.end(), 0);
  return list(std::move(entries));
}

Step& PlanBuilder::step(std::string_view what, int rounds) {
  Step& step = plan_.steps.emplace_back();
  step.what = what;
  step.rounds = rounds;
  return step;
}

Step& PlanBuilder::copy_own(Pick shard) {
  Step& copy = step("copy");
  copy.shard = shard;
  copy.local = Local::kInput;
  copy.to_output = true;
  return copy;
}

Step& PlanBuilder::publish(std::string_view what, int rounds) {
  Step& publishing = step(what, rounds);
  publishing.local = Local::kInput;
  publishing.to_output = true;
  publishing.to_wire = coded_or(Wire::kNative);
  publishing.finish = query_.codec.lossy;  // exact data is passed on as the bytes that it is
  return publishing;
}

// Elements that shards and pieces are multiples of.
size_t PlanBuilder::unit() const {
  const size_t line = kCacheLine / size_of(query_.type);
  return align_up(line, std::max<size_t>(query_.codec.block, 1));
}

void PlanBuilder::cut_shards(int parts) {
  const auto n = static_cast<size_t>(parts);
  const bool fixed = has_block_per_rank(query_.func);
  const size_t each = fixed ? query_.count : align_up(ceil_div(query_.count, n), unit());
  plan_.shards.reserve(n);
  for (size_t i = 0; i < n; ++i) {
    const size_t begin = fixed ? i * each : std::min(i * each, query_.count);
    plan_.shards.push_back({begin, fixed ? each : std::min(each, query_.count - begin)});
  }
}

double PlanBuilder::least_piece_bytes(double pieces) const {
  if (on_devices_) return kLeastDevicePieceBytes;
  return in_caches_ ? std::max(kMinPieceWireBytes, kLeastNodeChunkBytes / pieces) : kMinPieceWireBytes;
}

// On devices, whose streams take so many orders of a call. Ranks' steps differ, and all cut alike. With a shard for
// each rank, a rank works on each in two steps, of its sum and of its result, and on up to half of them once more,
// where levels have it add up sums; with one or two for all, in a step for each hop. A step has two orders, and one
// more where a coded message that has come is copied for others, or a value for those of other nodes.
size_t PlanBuilder::most_chunks() const {
  if (!on_devices_) return SIZE_MAX;
  const size_t of_shards = (query_.codec.lossy ? 6 : 5) * plan_.shards.size();
  const size_t of_hops = 2 * static_cast<size_t>(plan_.hops.total()) + 5;
  const size_t turns = kMostDeviceOrders / (std::max(of_shards, of_hops) + 2);
  return turns > 0 ? turns * static_cast<size_t>(std::max(query_.chunks_in_flight, 1)) : SIZE_MAX;
}

void PlanBuilder::cut_pieces(double staging, int chain) {
  size_t longest = 0;
  size_t active = 0;
  for (const Shard& shard : plan_.shards) {
    longest = std::max(longest, shard.count);
    active += shard.count > 0;
  }
  const size_t grain = unit();
  plan_.piece = grain;
  plan_.chunks = 1;
  if (longest == 0) return;

  const bool copies_whole = in_caches_ && copies_blocks_;
  const auto pieces = static_cast<double>(active);
  const double element_bytes =
      static_cast<double>(std::max(size_of(query_.type), size_of(accumulator_of(query_.type))));
  const double chunk_budget = static_cast<double>(query_.buffer_bytes) / std::max(query_.chunks_in_flight, 1);
  size_t most = align_down(static_cast<size_t>(chunk_budget / (staging * element_bytes * pieces)), grain);
  if (in_caches_ && query_.chunk_bytes == 0) {
    const size_t most_bytes =
        copies_whole ? kMostCopiedChunkBytes / active : std::min(kMostNodePieceBytes, kMostNodeChunkBytes / active);
    most = std::min(most, align_down(most_bytes / size_of(query_.type), grain));
  }

  const double wire_bytes =
      query_.codec.lossy ? query_.codec.bytes_per_element : static_cast<double>(size_of(query_.type));
  const double least_bytes = least_piece_bytes(pieces);
  const size_t least = align_up(static_cast<size_t>(least_bytes / std::max(wire_bytes, 1e-3)), grain);
  const size_t wanted = copies_whole ? 1 : std::max(kChunksWanted, kChunksPerHop * static_cast<size_t>(chain));

  size_t piece = std::max(least, ceil_div(longest, wanted));
  if (query_.chunk_bytes > 0) piece = query_.chunk_bytes / size_of(query_.type) / plan_.shards.size();
  piece = std::min(align_down(piece, grain), most);
  if (query_.chunk_bytes == 0) piece = std::max(piece, align_up(ceil_div(longest, most_chunks()), grain));
  plan_.chunks = ceil_div(longest, piece);
  plan_.piece = align_up(ceil_div(longest, plan_.chunks), grain);  // the same number of chunks, evenly
  plan_.chunks = ceil_div(longest, plan_.piece);
}

Plan PlanBuilder::finish(double staging, Hops hops, int chain) {
  plan_.hops = hops;
  cut_pieces(staging, chain);
  return std::move(plan_);
}

Plan copy_plan(std::string_view algorithm, const topo::Topology& topology, const PlanQuery& query) {
  PlanBuilder builder(algorithm, topology, query);
  builder.plan().rank_order = true;
  builder.cut_shards(1);
  builder.copy_own(one(builder.identity(1), 0));
  return builder.finish(1, {});
}

Hops flat_hops(const topo::Topology& topology, int count) {
  return topology.nodes.size() > 1 ? Hops{0, count} : Hops{count, 0};
}

std::vector<int> by_node(const topo::Topology& topology) {
  std::vector<int> ranks;
  ranks.reserve(static_cast<size_t>(topology.nranks));
  for (const topo::Node& node : topology.nodes) ranks.insert(ranks.end(), node.ranks.begin(), node.ranks.end());
  return ranks;
}

int log2_ceil(int value) { return std::bit_width(static_cast<unsigned>(value) - 1); }

int position(const std::vector<int>& list, int value) {
  return static_cast<int>(std::find(list.begin(), list.end(), value) - list.begin());
}

Places places_from(const topo::Topology& topology, int root, int rank) {
  std::vector<int> ranks = by_node(topology);
  std::rotate(ranks.begin(), ranks.begin() + position(ranks, root), ranks.end());
  const int me = position(ranks, rank);
  return {std::move(ranks), me};
}

}  // namespace coll
