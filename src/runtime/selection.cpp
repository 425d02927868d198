// How a communicator comes to the plan of a call: asked once, kept for calls of the same shape.
#include <bit>

#include "runtime/communicator.hpp"

namespace coll {

namespace {

constexpr size_t kMostCachedPlans = 256;

collFunc_t public_function(Function function) {
  switch (function) {
    case Function::kReduceScatter:
      return collFuncReduceScatter;
    case Function::kAllGather:
      return collFuncAllGather;
    case Function::kBroadcast:
      return collFuncBroadcast;
    default:
      return collFuncAllReduce;
  }
}

bool lossy(const Call& call) { return call.codec && !call.codec->traits().lossless; }

CodecCost cost_of(const Call& call) {
  CodecCost cost;
  cost.bytes_per_element = static_cast<double>(size_of(call.type));
  if (!lossy(call)) return cost;
  const CodecTraits& traits = call.codec->traits();
  cost.lossy = true;
  cost.sums_on_wire = traits.sums_on_wire;
  cost.max_encodings = traits.max_encodings;
  cost.block = traits.block;
  cost.bytes_per_element = traits.bits_per_element / 8;
  return cost;
}

std::string key_of(const PlanQuery& query, const Call& call) {
  return text(static_cast<int>(query.func), " ", query.count, " ", static_cast<int>(query.type), " ",
              static_cast<int>(query.op), " ", query.root, " ", lossy(call) ? call.codec->spec() : std::string("none"));
}

}  // namespace

PlanQuery Communicator::query_of(const Call& call) const {
  PlanQuery query;
  query.func = public_function(call.function);
  query.count = call.count;
  query.type = call.type;
  query.op = call.op;
  query.root = call.root;
  query.rank = base_.rank;
  query.deterministic = base_.config.deterministic;
  query.buffer_bytes = base_.config.buffer_bytes;
  query.chunk_bytes = base_.config.env.chunk_bytes;
  query.chunks_in_flight = kChunksInFlight;
  query.codec = cost_of(call);
  return query;
}

Status Communicator::plan_for(const Call& call, std::shared_ptr<const Plan>* plan) {
  const PlanQuery query = query_of(call);
  const std::string key = key_of(query, call);
  if (const auto known = plans_.find(key); known != plans_.end()) {
    *plan = known->second;
    return {};
  }
  auto chosen = std::make_shared<Plan>();
  COLL_TRY(choose_plan(base_.topology, query, base_.algorithms, chosen.get()));
  log_choice(name(call.function), query, *chosen);
  if (plans_.size() >= kMostCachedPlans) plans_.clear();
  *plan = plans_[key] = std::move(chosen);
  return {};
}

// Once per size class (a power of two of bytes), so that the log stays short.
void Communicator::log_choice(std::string_view function, const PlanQuery& query, const Plan& plan) {
  if (!base_.log->on(LogLevel::kInfo, LogPart::kPlan)) return;
  const size_t bytes = query.count * size_of(query.type);
  const int size_class = std::bit_width(bytes);
  const std::string_view codec = query.codec.lossy ? "coded" : "exact";
  if (!logged_.insert(text(static_cast<int>(query.func), " ", size_class, " ", codec)).second) return;
  base_.log->info(LogPart::kPlan, function, " of ", query.count, " ", info(query.type).name, ", ", codec, ": ",
                  plan.algorithm, ", ", plan.chunks, " chunks, predicted ", plan.predicted_us, " us");
}

Status Communicator::query_plan(const Call& call, std::string* json) {
  const auto visit = process_->visit();
  const std::lock_guard lock(busy_);
  COLL_TRY(failure());
  std::shared_ptr<const Plan> plan;
  COLL_TRY(plan_for(call, &plan));
  std::string transports = "[";
  for (const std::string_view each : base_.fabric->names()) {
    transports += text(transports.size() > 1 ? "," : "", "\"", each, "\"");
  }
  *json = plan_json(*plan, transports + "]");
  return {};
}

}  // namespace coll
