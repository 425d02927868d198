// Topologies and queries for the tests of plans.
#pragma once

#include <string>
#include <vector>

#include "collectives/planner.hpp"
#include "topology/topology.hpp"

namespace coll::shapes {

inline constexpr collFunc_t kFuncs[] = {collFuncAllReduce, collFuncReduceScatter, collFuncAllGather, collFuncBroadcast,
                                        collFuncReduce,    collFuncAlltoAll,      collFuncGather,    collFuncScatter};
inline constexpr const char* kFuncNames[] = {"allreduce", "reduce-scatter", "allgather", "broadcast", "reduce",
                                             "alltoall",  "gather",         "scatter",   "send"};
// That a codec may be used with.
inline bool can_be_coded(collFunc_t func) { return func <= collFuncBroadcast; }

// node_of[r] is rank r's node, in any numbering; nodes are ordered by their lowest rank.
inline topo::Topology placed(const std::vector<int>& node_of) {
  topo::Topology topology;
  topology.nranks = static_cast<int>(node_of.size());
  topology.links = {topo::LinkCost{0.5, 10}, topo::LinkCost{25, 1.2}};
  std::vector<int> names;
  for (int rank = 0; rank < topology.nranks; ++rank) {
    const int name = node_of[static_cast<size_t>(rank)];
    size_t node = 0;
    while (node < names.size() && names[node] != name) ++node;
    if (node == names.size()) {
      names.push_back(name);
      topology.nodes.emplace_back();
    }
    topology.node_of.push_back(static_cast<int>(node));
    topology.local_of.push_back(static_cast<int>(topology.nodes[node].ranks.size()));
    topology.nodes[node].ranks.push_back(rank);
  }
  for (topo::Node& node : topology.nodes) {
    node.pus = static_cast<int>(node.ranks.size());
    node.machine = static_cast<int>(topology.machines.size());
    topology.machines.push_back({node.pus, node.pus, node.pus});
  }
  return topology;
}

// Consecutive ranks on each node.
inline topo::Topology blocks(const std::vector<int>& ranks_per_node) {
  std::vector<int> node_of;
  for (size_t node = 0; node < ranks_per_node.size(); ++node) {
    node_of.insert(node_of.end(), static_cast<size_t>(ranks_per_node[node]), static_cast<int>(node));
  }
  return placed(node_of);
}

inline topo::Topology even(int nodes, int ranks_per_node) {
  return blocks(std::vector<int>(static_cast<size_t>(nodes), ranks_per_node));
}

// Puts the ranks of every node into packages of NUMA nodes, in blocks that are as even as they can be.
inline topo::Topology divided(topo::Topology topology, int packages, int domains) {
  topology.links[static_cast<size_t>(topo::LinkKind::kNuma)] = {0.55, 100};
  topology.links[static_cast<size_t>(topo::LinkKind::kPackage)] = {0.7, 50};
  topology.spots.resize(static_cast<size_t>(topology.nranks));
  for (const topo::Node& node : topology.nodes) {
    const auto ranks = static_cast<int>(node.ranks.size());
    for (int i = 0; i < ranks; ++i) {
      const int domain = i * packages * domains / ranks;
      topology.spots[static_cast<size_t>(node.ranks[static_cast<size_t>(i)])] = {domain / domains, domain};
    }
  }
  return topology;
}

inline PlanQuery exact(collFunc_t func, size_t count) {
  PlanQuery query;
  query.func = func;
  query.count = count;
  query.board_bytes = size_t{32} << 10;
  return query;
}

// A codec like int8: blocks of 128 elements, at most two encodings.
inline PlanQuery coded(collFunc_t func, size_t count) {
  PlanQuery query = exact(func, count);
  query.codec.lossy = true;
  query.codec.block = 128;
  query.codec.bytes_per_element = 1.03;
  return query;
}

inline std::vector<Plan> plans_of_all(const Algorithm& algorithm, const topo::Topology& topology, PlanQuery query) {
  std::vector<Plan> plans;
  for (query.rank = 0; query.rank < topology.nranks; ++query.rank) plans.push_back(algorithm.plan(topology, query));
  return plans;
}

inline const Algorithm& named(std::string_view name) {
  for (const Algorithm& algorithm : algorithm_registry()) {
    if (algorithm.name == name) return algorithm;
  }
  return algorithm_registry()[0];
}

inline std::string describe(const Algorithm& algorithm, const topo::Topology& topology, const PlanQuery& query) {
  std::string nodes;
  for (const topo::Node& node : topology.nodes) {
    nodes += text(" ", node.ranks.size());
    if (topology.spots.empty()) continue;
    for (const int rank : node.ranks) {
      nodes += text(rank == node.ranks.front() ? "(" : " ", topology.spot_of(rank).package, ".",
                    topology.spot_of(rank).domain);
    }
    nodes += ")";
  }
  return text(algorithm.name, " ", kFuncNames[query.func], query.codec.lossy ? " coded" : " exact",
              query.deterministic ? " deterministic" : "", " count ", query.count, " root ", query.root,
              " ranks per node", nodes);
}

}  // namespace coll::shapes
