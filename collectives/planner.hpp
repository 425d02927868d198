// From a call to a plan: the registered algorithms, what each costs, and which one is chosen.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.hpp"
#include "collectives/plan.hpp"
#include "topology/topology.hpp"

namespace coll {

// What planning needs to know of a codec, without knowing codecs.
struct CodecCost {
  bool lossy = false;  // a codec is in use (kCoded messages); false: exact
  bool sums_on_wire = false;
  int max_encodings = 2;
  size_t block = 1;                                           // shards and pieces are cut at multiples of it
  double bytes_per_element = 4;                               // on the wire
  double encode_gbs = topo::Rates::kUnknownCodec.encode_gbs;  // of float32 bytes, one core
  double decode_gbs = topo::Rates::kUnknownCodec.decode_gbs;
  bool has_kernels = true;  // that make and take its messages on a device
};

// That a stream of a device takes of the calls that it is given together; what needs more is staged.
inline constexpr size_t kMostDeviceOrders = 960;

// A call as the planner sees it. `count` is that of one rank where has_block_per_rank().
struct PlanQuery {
  collFunc_t func = collFuncAllReduce;
  size_t count = 0;
  DataType type = collFloat32;
  RedOp op = collSum;
  int root = 0;  // the sender of a pair
  int peer = 0;  // and its receiver
  int rank = 0;
  bool deterministic = false;       // only plans that reduce in rank order
  size_t buffer_bytes = 16u << 20;  // staging that the chunks in flight may take together
  int chunks_in_flight = 4;
  size_t board_bytes = 0;  // that one rank can post on the board of its node; 0: there is none
  size_t chunk_bytes = 0;  // of the user's type, all shards' pieces together; 0: chosen from the call's size
  CodecCost codec;
};

// Functions whose vector has one block of `count` elements for each rank.
inline bool has_block_per_rank(collFunc_t func) {
  return func == collFuncReduceScatter || func == collFuncAllGather || func == collFuncGather ||
         func == collFuncScatter || func == collFuncAlltoAll;
}
inline bool has_root(collFunc_t func) {
  return func == collFuncBroadcast || func == collFuncReduce || func == collFuncGather || func == collFuncScatter ||
         func == collFuncSendRecv;
}
// Functions that combine all ranks' contributions.
inline bool reduces(collFunc_t func) {
  return func == collFuncAllReduce || func == collFuncReduceScatter || func == collFuncReduce;
}

// Bytes of the whole vector.
inline size_t vector_bytes(const topo::Topology& topology, const PlanQuery& query) {
  const auto blocks = static_cast<size_t>(has_block_per_rank(query.func) ? topology.nranks : 1);
  return blocks * query.count * size_of(query.type);
}

// Whether the call is planned as one on devices: by what all ranks know, whatever memory their own buffers are.
inline bool is_on_devices(const topo::Topology& topology, const PlanQuery& query) {
  return topology.on_devices() && query.func != collFuncSendRecv &&
         vector_bytes(topology, query) > topology.staged_bytes;
}

// "allreduce", "reduce-scatter", ...: by collFunc_t.
std::span<const std::string_view> func_names();

// One algorithm: its name, whether it can serve a query, and its plan for query.rank. Pure functions.
struct Algorithm {
  std::string_view name;
  std::string_view summary;  // one line for people
  bool (*serves)(const topo::Topology&, const PlanQuery&);
  Plan (*plan)(const topo::Topology&, const PlanQuery&);
};

std::span<const Algorithm> algorithm_registry();

// Names allowed by COLL_ALGO ("ring,direct" or "^ring"); empty text allows all. Unknown names are an error listing the
// valid ones.
Status parse_algorithms(std::string_view text, std::vector<const Algorithm*>* allowed);

// Predicted time of the slowest rank, from the α-β-γ model of docs/algorithms.md; the same on every rank.
double predict_us(const topo::Topology&, const PlanQuery&, const Plan&);

// The algorithm's plan of the query, or none: where it does not serve that, or not as exactly, or in the order, that is
// asked for.
std::optional<Plan> plan_with(const Algorithm&, const topo::Topology&, const PlanQuery&);

// The cheapest plan among `allowed` that serves the query. collUnsupported names what was asked where none does.
Status choose_plan(const topo::Topology&, const PlanQuery&, std::span<const Algorithm* const> allowed, Plan* plan);

// Proves plans of all ranks together, symbolically: every message is received exactly once with the wire it was sent
// with, every rank's required output holds every contribution exactly once, nothing waits forever, no element is
// encoded more often than allowed, and the input is not read after the output took its place. "" or what is wrong.
std::string check_plans(std::span<const Plan> plans, const PlanQuery& query);

// The plan as JSON text with algorithm, codec, chunks, quantisations, predicted_us and steps.
std::string plan_json(const Plan& plan, std::string_view codec, std::string_view transports_json);

}  // namespace coll
