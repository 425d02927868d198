#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/collectives/shapes.hpp"

namespace coll {
namespace {

TEST(PlanJson, HoldsWhatTheApiPromises) {
  PlanQuery query = shapes::coded(collFuncAllReduce, 1 << 20);
  query.rank = 3;
  Plan plan = shapes::named("hier_direct").plan(shapes::even(2, 2), query);
  plan.predicted_us = 12.5;
  const auto json = nlohmann::json::parse(plan_json(plan, "int8", R"(["shm","mpi"])"));
  EXPECT_EQ(json["algorithm"], "hier_direct");
  EXPECT_EQ(json["transports"], nlohmann::json({"shm", "mpi"}));
  EXPECT_EQ(json["chunks"], plan.chunks);
  EXPECT_EQ(json["quantisations"], 2);
  EXPECT_EQ(json["predicted_us"], 12.5);
  ASSERT_EQ(json["steps"].size(), plan.steps.size());
  const auto& combine = json["steps"][3];
  EXPECT_EQ(combine["what"], "recv-reduce-send");
  EXPECT_EQ(combine["shard"], 3);
  EXPECT_EQ(combine["local"], "slot 0");
  EXPECT_EQ(combine["from"]["ranks"], nlohmann::json({1}));
  EXPECT_EQ(combine["from"]["wire"], "coded");
  EXPECT_EQ(combine["to"]["ranks"], nlohmann::json({1, 2}));
}

TEST(PlanJson, BadTransportsBecomeAnEmptyList) {
  const Plan plan = shapes::named("direct").plan(shapes::even(1, 1), shapes::exact(collFuncAllReduce, 8));
  const auto json = nlohmann::json::parse(plan_json(plan, "none", "shm,"));
  EXPECT_TRUE(json["transports"].is_array());
  EXPECT_TRUE(json["transports"].empty());
  EXPECT_EQ(json["steps"].size(), 1u);
}

}  // namespace
}  // namespace coll
