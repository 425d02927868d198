// check_plans: what must hold for the plans of all ranks together, proved by running them on symbolic values.
//
// One chunk stands for all: chunks touch different elements and messages, and a rank works on a chunk's steps in order,
// so where each chunk by itself comes to an end, so do several in flight. The last chunk is run too where short shards
// have no part left in it.
#include <algorithm>

#include "collectives/build.hpp"
#include "collectives/check_execution.hpp"
#include "collectives/check_shape.hpp"

namespace coll {

namespace {

// Judges what the ranks hold after a chunk.
class Verdict {
 public:
  Verdict(const Plan& plan, const PlanQuery& query, const SymbolicRun& execution)
      : plan_(plan), query_(query), execution_(execution), values_(execution.values()) {}

  std::string run() {
    int encodings = 0;
    bool any = false;
    for (size_t shard = 0; shard < plan_.shards.size(); ++shard) {
      if (!execution_.present(plan_.shards[shard])) continue;
      any = true;
      std::string fault = shard_fault(shard, &encodings);
      if (!fault.empty()) return fault;
    }
    if (!any || encodings == plan_.encodings) return {};
    return text("elements go through ", encodings, " encodings, but the plan says ", plan_.encodings);
  }

 private:
  std::string shard_fault(size_t shard, int* encodings) const {
    ValueId agreed = kNoValue;
    for (int rank = 0; rank < plan_.nranks; ++rank) {
      if (!is_due(rank, shard)) continue;
      const ValueId value = execution_.output(rank, shard);
      const std::string fault = value_fault(value, rank, static_cast<int>(shard));
      if (!fault.empty()) return text("rank ", rank, ": its output of shard ", shard, " ", fault);
      if (agreed != kNoValue && value != agreed && !plan_.by_distance) {
        return text("rank ", rank, ": its output of shard ", shard, " may have other bits than other ranks'");
      }
      agreed = value;
      *encodings = std::max(*encodings, values_[value].encodings);
    }
    return {};
  }

  // Whether the rank's output has this shard.
  bool is_due(int rank, size_t shard) const {
    if (query_.func == collFuncReduceScatter || query_.func == collFuncScatter)
      return static_cast<size_t>(rank) == shard;
    if (query_.func == collFuncSendRecv) return rank == query_.peer;
    if (query_.func == collFuncReduce || query_.func == collFuncGather) return rank == query_.root;
    return true;
  }

  // Whose data a rank's output of a shard is, where nothing is reduced.
  int owner_of(int rank, int shard) const {
    if (query_.func == collFuncAlltoAll) return (rank - shard + plan_.nranks) % plan_.nranks;
    return query_.func == collFuncAllGather || query_.func == collFuncGather ? shard : query_.root;
  }

  std::string value_fault(ValueId id, int rank, int shard) const {
    if (id == kNoValue) return "is never written";
    const Value& value = values_[id];
    if (value.shard != shard) return text("is that of shard ", value.shard);
    if (query_.codec.lossy && plan_.nranks > 1) {
      if (value.encodings == 0) return "never went through the codec";
      if (value.encodings > query_.codec.max_encodings) return text("was encoded ", value.encodings, " times");
    }
    if (!reduces(query_.func)) {
      const int owner = owner_of(rank, shard);
      const ValueId source = values_.source(id);
      return source != kNoValue && values_[source].rank == owner ? "" : text("is not the data of rank ", owner);
    }
    if (!value.finished && plan_.nranks > 1) return "is not finished";
    for (int each = 0; each < plan_.nranks; ++each) {
      if (!values_.holds(id, each)) return text("lacks the contribution of rank ", each);
    }
    const bool in_order = plan_.rank_order || query_.deterministic;
    if (in_order && !values_.in_rank_order(id, plan_.nranks, query_.deterministic))
      return "is not reduced in rank order";
    return "";
  }

  const Plan& plan_;
  const PlanQuery& query_;
  const SymbolicRun& execution_;
  const Values& values_;
};

std::string check_chunk(std::span<const Plan> plans, const PlanQuery& query, size_t chunk) {
  SymbolicRun execution(plans, query, chunk);
  const std::string error = execution.run();
  return error.empty() ? Verdict(plans[0], query, execution).run() : error;
}

}  // namespace

std::string check_plans(std::span<const Plan> plans, const PlanQuery& query) {
  std::string error = check_shape(plans, query);
  if (error.empty()) error = check_chunk(plans, query, 0);
  if (!error.empty()) return error;
  const Plan& plan = plans[0];
  const size_t last = plan.chunks - 1;
  const bool alike = std::all_of(plan.shards.begin(), plan.shards.end(), [&](const Shard& shard) {
    return (plan.part(shard, 0).count > 0) == (plan.part(shard, last).count > 0);
  });
  if (alike) return {};
  error = check_chunk(plans, query, last);
  return error.empty() ? error : "in the last chunk: " + error;
}

}  // namespace coll
