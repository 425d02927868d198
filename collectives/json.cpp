// A plan as JSON, for people and for collCommQueryPlan.
#include <nlohmann/json.hpp>

#include "collectives/planner.hpp"

namespace coll {

namespace {

using Json = nlohmann::ordered_json;

// The ranks of the first round, and what they exchange.
Json messages(const Plan& plan, const Step& step, const Pick& pick, Wire wire, Leg leg) {
  Json ranks = Json::array();
  for (int j = 0; j < pick.count; ++j) {
    const int peer = plan.entry(pick, 0, j);
    if (peer != plan.rank) ranks.push_back(peer);
  }
  if (ranks.empty()) return {};
  Json json = {{"ranks", std::move(ranks)}, {"wire", kWireNames[static_cast<size_t>(wire)]}, {"leg", leg}};
  if (step.rounds > 1) json["ranks_per_round"] = pick.per_round;
  return json;
}

Json step_json(const Plan& plan, const Step& step) {
  Json json = {{"what", step.what}, {"rounds", step.rounds}, {"shard", plan.entry(step.shard, 0, 0)}};
  if (step.shard.count > 1) json["shards"] = step.shard.count;
  if (Json from = messages(plan, step, step.from, step.from_wire, step.from_leg); !from.is_null()) {
    json["from"] = std::move(from);
  }
  if (step.local == Local::kInput) json["local"] = step.code_local ? "coded input" : "input";
  if (step.local == Local::kSlot) json["local"] = text("slot ", step.local_slot);
  if (step.local == Local::kHeld) json["local"] = "held";
  if (step.reduce) json["reduce"] = true;
  if (step.finish) json["finish"] = true;
  if (step.to_output) json["output"] = true;
  if (step.keep_slot >= 0) json["keep"] = text("slot ", step.keep_slot);
  if (step.hold) json["hold"] = true;
  if (Json to = messages(plan, step, step.to, step.to_wire, step.to_leg); !to.is_null()) json["to"] = std::move(to);
  return json;
}

}  // namespace

std::string plan_json(const Plan& plan, std::string_view codec, std::string_view transports_json) {
  Json transports = Json::parse(transports_json, nullptr, false);
  if (!transports.is_array()) transports = Json::array();
  Json steps = Json::array();
  for (const Step& step : plan.steps) steps.push_back(step_json(plan, step));
  const Json json = {{"algorithm", plan.algorithm},
                     {"codec", codec},
                     {"transports", std::move(transports)},
                     {"chunks", plan.chunks},
                     {"chunk_elements_per_shard", plan.piece},
                     {"shards", plan.shards.size()},
                     {"quantisations", plan.encodings},
                     {"predicted_us", plan.predicted_us},
                     {"steps", std::move(steps)}};
  return json.dump();
}

}  // namespace coll
