// The table of algorithms, the names a user may give, and the choice of the cheapest plan.
#include <algorithm>

#include "collectives/algorithms.hpp"

namespace coll {

namespace {

// In order of preference where predictions are equal.
constexpr Algorithm kAlgorithms[] = {
    {board::kName, "everyone posts its data where all of the node read it", board::serves, board::plan},
    {direct::kName, "a shard's owner reduces everyone's contributions", direct::serves, direct::plan},
    {oneshot::kName, "everyone sends everything to whoever needs the result", oneshot::serves, oneshot::plan},
    {doubling::kName, "sums are exchanged at doubling distances", doubling::serves, doubling::plan},
    {halving::kName, "bundles of shards that halve, then double", halving::serves, halving::plan},
    {ring::kName, "shards go round a ring of all ranks", ring::serves, ring::plan},
    {tree::kName, "a binomial tree from the root, or to it", tree::serves, tree::plan},
    {double_tree::kName, "two binary trees, each with half of the elements", double_tree::serves, double_tree::plan},
    {bruck::kName, "bundles of blocks at doubling distances", bruck::serves, bruck::plan},
    {scatter::kName, "shards from the root, then from their owners", scatter::serves, scatter::plan},
    {pair::kName, "one rank's data straight to another", pair::serves, pair::plan},
    {hier_direct::kName, "direct between nodes, exact inside them", hier_direct::serves, hier_direct::plan},
    {hier_ring::kName, "a ring of nodes, exact inside them", hier_ring::serves, hier_ring::plan},
    {hier_levels::kName, "direct on every level of the machine", hier_levels::serves, hier_levels::plan},
};

constexpr std::string_view kFuncNames[] = {"allreduce", "reduce-scatter", "allgather", "broadcast", "reduce",
                                           "alltoall",  "gather",         "scatter",   "send"};

std::string valid_names() {
  std::string names;
  for (const Algorithm& algorithm : kAlgorithms) {
    if (!names.empty()) names += ", ";
    names += algorithm.name;
  }
  return names;
}

const Algorithm* find_algorithm(std::string_view name) {
  const auto* found = std::find_if(std::begin(kAlgorithms), std::end(kAlgorithms),
                                   [&](const Algorithm& algorithm) { return algorithm.name == name; });
  return found == std::end(kAlgorithms) ? nullptr : found;
}

// What a call that nothing serves had asked for.
Status nothing_serves(const topo::Topology& topology, const PlanQuery& query,
                      std::span<const Algorithm* const> allowed) {
  std::string names;
  for (const Algorithm* algorithm : allowed) names += text(names.empty() ? "" : ", ", algorithm->name);
  const std::string_view func = static_cast<size_t>(query.func) < std::size(kFuncNames) ? kFuncNames[query.func] : "?";
  return {collUnsupported,
          text("no allowed algorithm serves ", query.deterministic ? "a deterministic " : "", func, " of ",
               info(query.type).name, query.codec.lossy ? " with a lossy codec" : "", " on ", topology.nranks,
               " ranks on ", topology.nodes.size(), " nodes; allowed are: ", names, " (see COLL_ALGO)")};
}

}  // namespace

std::span<const std::string_view> func_names() { return kFuncNames; }

std::span<const Algorithm> algorithm_registry() { return kAlgorithms; }

Status parse_algorithms(std::string_view text_list, std::vector<const Algorithm*>* allowed) {
  const bool exclude = text_list.starts_with('^');
  std::string_view rest = text_list.substr(exclude ? 1 : 0);
  std::vector<const Algorithm*> named;
  while (exclude || !text_list.empty()) {
    const size_t comma = rest.find(',');
    const std::string_view name = rest.substr(0, comma);
    const Algorithm* algorithm = find_algorithm(name);
    if (algorithm == nullptr) {
      return {collInvalidArgument, text("COLL_ALGO=", text_list, ": there is no algorithm \"", name, "\"; valid are ",
                                        valid_names(), ", or a list of those with ^ before it to exclude them")};
    }
    named.push_back(algorithm);
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  allowed->clear();
  for (const Algorithm& algorithm : kAlgorithms) {
    const bool is_named = std::find(named.begin(), named.end(), &algorithm) != named.end();
    if (text_list.empty() || is_named != exclude) allowed->push_back(&algorithm);
  }
  if (allowed->empty()) return {collInvalidArgument, text("COLL_ALGO=", text_list, " excludes every algorithm")};
  return {};
}

std::optional<Plan> plan_with(const Algorithm& algorithm, const topo::Topology& topology, const PlanQuery& query) {
  if (!algorithm.serves(topology, query)) return std::nullopt;
  Plan plan = algorithm.plan(topology, query);
  if (query.deterministic && !plan.rank_order) return std::nullopt;
  if (query.codec.lossy && plan.encodings > query.codec.max_encodings) return std::nullopt;
  return plan;
}

Status choose_plan(const topo::Topology& topology, const PlanQuery& query, std::span<const Algorithm* const> allowed,
                   Plan* plan) {
  bool found = false;
  for (const Algorithm* algorithm : allowed) {
    std::optional<Plan> candidate = plan_with(*algorithm, topology, query);
    if (!candidate) continue;
    candidate->predicted_us = predict_us(topology, query, *candidate);
    if (found && candidate->predicted_us >= plan->predicted_us) continue;
    *plan = *std::move(candidate);
    found = true;
  }
  return found ? Status() : nothing_serves(topology, query, allowed);
}

}  // namespace coll
