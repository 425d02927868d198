#include "sheet.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

#include "runtime/choice.hpp"
#include "transport/shm/layout.hpp"

namespace coll::plan_tool {

namespace {

constexpr size_t kMostWorkers = 8;  // each may take a plan's memory, and address space for more

// All that serve the query with a codec that is used as it is.
Entry compare(const topo::Topology& topology, const Question& question, PlanQuery query, const Codec& codec) {
  query.codec = cost_of(&codec, query.type, topology.rates);
  Entry entry{codec.spec(), {}, -1};
  for (const Algorithm* algorithm : question.algorithms) {
    const std::optional<Plan> plan = plan_with(*algorithm, topology, query);
    if (!plan) continue;
    entry.options.push_back({algorithm->name, predict(topology, query, *plan)});
    if (entry.taken < 0 || entry.options.back().cost.us < entry.choice().cost.us) {
      entry.taken = static_cast<int>(entry.options.size()) - 1;
    }
  }
  return entry;
}

// What a codec that chooses comes to.
Entry settle(const topo::Topology& topology, const Question& question, PlanQuery query,
             const std::shared_ptr<const Codec>& codec) {
  Selection selection;
  if (!choose(topology, query, question.algorithms, codec, &selection).ok()) return {codec->spec(), {}, -1};
  query.codec = cost_of(selection.codec.get(), query.type, topology.rates);
  return {selection.codec ? selection.codec->spec() : "none",
          {{selection.plan->algorithm, predict(topology, query, *selection.plan)}},
          0};
}

Entry entry_of(const topo::Topology& topology, const Question& question, size_t size_bytes,
               const std::shared_ptr<const Codec>& codec) {
  const PlanQuery query = query_of(topology, question, size_bytes);
  if (codec->traits().chooses) return settle(topology, question, query, codec);
  return compare(topology, question, query, *codec);
}

// All entries, by as many threads as there are cores.
void fill(const topo::Topology& topology, const Question& question, std::vector<Line>* lines) {
  const size_t all = lines->size() * question.codecs.size();
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t at = next++; at < all; at = next++) {
      Line& line = (*lines)[at / question.codecs.size()];
      const size_t codec = at % question.codecs.size();
      line.entries[codec] = entry_of(topology, question, line.size_bytes, question.codecs[codec]);
    }
  };
  const size_t workers = std::min<size_t>({all, std::max(std::thread::hardware_concurrency(), 1u), kMostWorkers});
  std::vector<std::future<void>> others;
  for (size_t i = 1; i < workers; ++i) others.push_back(std::async(std::launch::async, work));
  work();
  for (std::future<void>& other : others) other.get();
}

}  // namespace

PlanQuery query_of(const topo::Topology& topology, const Question& question, size_t size_bytes) {
  PlanQuery query;
  query.func = question.func;
  query.type = question.type;
  query.op = question.op;
  query.root = question.root;
  query.deterministic = question.deterministic;
  const size_t blocks = has_block_per_rank(query.func) ? static_cast<size_t>(topology.nranks) : 1;
  query.count = std::max<size_t>(size_bytes / size_of(query.type) / blocks, 1);
  if (topology.nodes.size() == 1 && topology.nranks > 1) {
    const auto ranks = static_cast<size_t>(topology.nranks);
    query.board_bytes = shm::Layout{ranks, shm::default_ring_bytes(ranks)}.board_shape().payload_bytes;
  }
  return query;
}

Status price(const topo::Topology& topology, const std::string& spec, PlanQuery* query) {
  std::unique_ptr<Codec> codec;
  COLL_TRY(make_codec(spec, &codec));
  query->codec = cost_of(codec.get(), query->type, topology.rates);
  return {};
}

Status predict_all(const topo::Topology& topology, const Question& question, std::vector<Line>* lines) {
  lines->clear();
  for (const size_t size : question.sizes) {
    lines->push_back({size, query_of(topology, question, size).count, std::vector<Entry>(question.codecs.size()), -1});
  }
  fill(topology, question, lines);
  for (Line& line : *lines) {
    for (size_t i = 0; i < line.entries.size(); ++i) {
      const Entry& entry = line.entries[i];
      if (entry.taken < 0) continue;
      const bool first = line.fastest < 0;
      if (first || entry.choice().cost.us < line.entries[static_cast<size_t>(line.fastest)].choice().cost.us) {
        line.fastest = static_cast<int>(i);
      }
    }
    if (line.fastest < 0) {
      return {collUnsupported, text("none of these algorithms serves ", func_names()[question.func], " with ",
                                    question.codecs.size() == 1 ? "this codec" : "any of these codecs")};
    }
  }
  return {};
}

}  // namespace coll::plan_tool
