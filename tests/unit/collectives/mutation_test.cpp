// Damages plans that are right and expects the checker to say what is wrong.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "tests/unit/collectives/shapes.hpp"

namespace coll {
namespace {

using Change = std::function<void(Step*)>;

struct Case {
  const Algorithm* algorithm;
  topo::Topology topology;
  PlanQuery query;
  std::vector<Plan> plans;

  std::string describe() const { return shapes::describe(*algorithm, topology, query); }
};

// Every algorithm with every function it serves, exact and coded, on a few shapes.
std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const topo::Topology& topology : {shapes::even(1, 5), shapes::even(2, 3), shapes::blocks({3, 1, 2})}) {
    for (const Algorithm& algorithm : algorithm_registry()) {
      for (const collFunc_t func : shapes::kFuncs) {
        for (const PlanQuery& query : {shapes::exact(func, 4096), shapes::coded(func, 4096)}) {
          if (!algorithm.serves(topology, query)) continue;
          cases.push_back({&algorithm, topology, query, shapes::plans_of_all(algorithm, topology, query)});
        }
      }
    }
  }
  return cases;
}

// Calls `visit` for every step of every rank's plan.
void for_each_step(const Case& at, const std::function<void(size_t rank, size_t step)>& visit) {
  for (size_t rank = 0; rank < at.plans.size(); ++rank) {
    for (size_t step = 0; step < at.plans[rank].steps.size(); ++step) visit(rank, step);
  }
}

// The other ranks that a pick names, round by round, in no order.
std::vector<int> peers(const Plan& plan, const Step& step, const Pick& pick) {
  std::vector<int> all;
  for (int round = 0; round < step.rounds; ++round) {
    const auto begin = static_cast<std::ptrdiff_t>(all.size());
    for (int j = 0; j < pick.count; ++j) {
      const int peer = plan.entry(pick, round, j);
      if (peer != plan.rank) all.push_back(peer);
    }
    std::sort(all.begin() + begin, all.end());
    all.push_back(-1);
  }
  return all;
}

TEST(Mutation, AnyDroppedStepIsFound) {
  for (const Case& at : all_cases()) {
    for_each_step(at, [&](size_t rank, size_t step) {
      std::vector<Plan> damaged = at.plans;
      damaged[rank].steps.erase(damaged[rank].steps.begin() + static_cast<std::ptrdiff_t>(step));
      EXPECT_NE(check_plans(damaged, at.query), "") << at.describe() << ": rank " << rank << " without step " << step;
    });
  }
}

TEST(Mutation, AnyRepeatedStepIsFound) {
  for (const Case& at : all_cases()) {
    for_each_step(at, [&](size_t rank, size_t step) {
      std::vector<Plan> damaged = at.plans;
      const Step again = damaged[rank].steps[step];
      damaged[rank].steps.push_back(again);
      EXPECT_NE(check_plans(damaged, at.query), "")
          << at.describe() << ": rank " << rank << " step " << step << " twice";
    });
  }
}

TEST(Mutation, AnyOtherPeerWireOrLegIsFound) {
  const std::vector<Change> changes = {
      [](Step* step) { step->from_wire = step->from_wire == Wire::kNative ? Wire::kPartial : Wire::kNative; },
      [](Step* step) { step->from_leg = static_cast<Leg>(step->from_leg + 3); },
      [](Step* step) { step->from.first += 1; },
      [](Step* step) { step->from.count = 0; },
      [](Step* step) { step->to_wire = step->to_wire == Wire::kCoded ? Wire::kPartial : Wire::kCoded; },
      [](Step* step) { step->to_leg = static_cast<Leg>(step->to_leg + 3); },
      [](Step* step) { step->to.first += 1; },
      [](Step* step) { step->to.count = 0; },
  };
  size_t tried = 0;
  for (const Case& at : all_cases()) {
    for_each_step(at, [&](size_t rank, size_t step) {
      const Plan& plan = at.plans[rank];
      const Step& before = plan.steps[step];
      for (size_t change = 0; change < changes.size(); ++change) {
        std::vector<Plan> damaged = at.plans;
        Step& after = damaged[rank].steps[step];
        changes[change](&after);
        const bool incoming = change < 4;
        const std::vector<int> had = peers(plan, before, incoming ? before.from : before.to);
        if (std::all_of(had.begin(), had.end(), [](int peer) { return peer == -1; }))
          continue;  // no message, no difference
        const bool renamed = change == 2 || change == 6;
        if (renamed && had == peers(plan, after, incoming ? after.from : after.to)) continue;  // another order only
        ++tried;
        EXPECT_NE(check_plans(damaged, at.query), "")
            << at.describe() << ": rank " << rank << " step " << step << " change " << change;
      }
    });
  }
  EXPECT_GT(tried, 1000u);
}

// What a step exchanges: for every round the shard, whom it comes from and whom it goes to; in no order.
std::vector<std::vector<int>> exchanges(const Plan& plan, const Step& step) {
  std::vector<std::vector<int>> all;
  for (int round = 0; round < step.rounds; ++round) {
    std::vector<int>& one = all.emplace_back();
    one.push_back(plan.entry(step.shard, round, 0));
    for (int j = 0; j < step.from.count; ++j) one.push_back(plan.entry(step.from, round, j));
    one.push_back(-1);
    for (int j = 0; j < step.to.count; ++j) one.push_back(plan.entry(step.to, round, j));
  }
  std::sort(all.begin(), all.end());
  return all;
}

TEST(Mutation, AnyOtherShardIsFound) {
  size_t tried = 0;
  for (const Case& at : all_cases()) {
    for_each_step(at, [&](size_t rank, size_t step) {
      std::vector<Plan> damaged = at.plans;
      Step& after = damaged[rank].steps[step];
      after.shard.first += 1;
      if (exchanges(damaged[rank], after) == exchanges(at.plans[rank], at.plans[rank].steps[step])) return;
      ++tried;
      EXPECT_NE(check_plans(damaged, at.query), "") << at.describe() << ": rank " << rank << " step " << step;
    });
  }
  EXPECT_GT(tried, 500u);
}

// ---- One fault of each kind, and what is said of it ----

// What the checker says of `algorithm`'s plans on 2 nodes of 2 ranks after `damage`.
std::string after(std::string_view algorithm, const PlanQuery& query,
                  const std::function<void(std::vector<Plan>*)>& damage) {
  std::vector<Plan> plans = shapes::plans_of_all(shapes::named(algorithm), shapes::even(2, 2), query);
  EXPECT_EQ(check_plans(plans, query), "");
  damage(&plans);
  return check_plans(plans, query);
}

std::string after(std::string_view algorithm, const std::function<void(std::vector<Plan>*)>& damage) {
  return after(algorithm, shapes::exact(collFuncAllReduce, 4096), damage);
}

void expect_says(const std::string& error, const std::string& words) {
  EXPECT_NE(error.find(words), std::string::npos) << "the checker said: \"" << error << "\"";
}

TEST(Mutation, MissingMessage) {
  expect_says(after("direct", [](auto* plans) { (*plans)[1].steps.erase((*plans)[1].steps.begin()); }),
              "rank 1, which never sends it");
}

TEST(Mutation, UnreceivedMessage) {
  expect_says(after("direct", [](auto* plans) { (*plans)[1].steps[2].rounds = 2; }), "which never receives it");
}

TEST(Mutation, WireMismatch) {
  expect_says(
      after("ring", [](auto* plans) { (*plans)[2].steps[0].to_wire = Wire::kNative; }),
      "rank 3, step 1 (recv-reduce-send), round 0: expects shard 1 from rank 2 as partial, but it is sent as native");
}

TEST(Mutation, DuplicatedContribution) {
  const auto damage = [](std::vector<Plan>* plans) {
    Step& reduce = (*plans)[0].steps[1];
    reduce.from.count = 5;  // around the list's end: rank 0 again, which is itself
  };
  expect_says(after("direct", damage), "names its own contribution twice");
  // A ring in which a rank adds what the one before has added already.
  const auto from_one_rank = [](std::vector<Plan>* plans) {
    Step& reduce = (*plans)[0].steps[1];
    reduce.from = {static_cast<int>((*plans)[0].lists.size()), 0, 2, 0};
    (*plans)[0].lists.push_back(std::make_shared<const std::vector<int>>(std::vector<int>{1, 1}));
  };
  expect_says(after("direct", from_one_rank), "a second time");
}

TEST(Mutation, ContributionCountedTwice) {
  // Rank 2 sends its sum on with its own data in it; rank 3 keeps that and is handed rank 2's data once more.
  const auto damage = [](std::vector<Plan>* plans) {
    for (Plan& plan : *plans) {
      for (Step& step : plan.steps) {
        if (step.from_leg == 1 && step.from.count == 2) {
          plan.lists.push_back(std::make_shared<const std::vector<int>>(std::vector<int>{plan.rank ^ 1, plan.rank}));
          step.from = {static_cast<int>(plan.lists.size()) - 1, 0, 2, 0};
        }
        if (step.to_leg == 1 && step.to.count == 2) {
          plan.lists.push_back(std::make_shared<const std::vector<int>>(std::vector<int>{plan.rank ^ 1}));
          step.to = {static_cast<int>(plan.lists.size()) - 1, 0, 1, 0};
        }
        if (step.local == Local::kSlot) step.from_leg = 3;
        if (step.keep_slot >= 0) step.to_leg = 3;
      }
    }
  };
  expect_says(after("doubling", damage), "counts the contribution of rank 0 twice");
}

TEST(Mutation, WrongShardInTheOutput) {
  const auto damage = [](std::vector<Plan>* plans) { (*plans)[1].output_origin = 0; };
  expect_says(after("direct", shapes::exact(collFuncReduceScatter, 4096), damage), "writes the wrong part");
  const auto other_shard = [](std::vector<Plan>* plans) { (*plans)[1].steps[0].shard.first = 0; };
  expect_says(after("direct", shapes::exact(collFuncAllGather, 4096), other_shard), "which is not in its input");
}

TEST(Mutation, Deadlock) {
  const auto damage = [](std::vector<Plan>* plans) {
    for (Plan& plan : *plans) std::swap(plan.steps[0], plan.steps[1]);
  };
  expect_says(after("direct", damage), "which waits too");
}

TEST(Mutation, InputReadAfterTheOutputTookItsPlace) {
  const auto damage = [](std::vector<Plan>* plans) {
    Plan& plan = (*plans)[0];
    Step early;
    early.shard = plan.steps[1].shard;
    early.local = Local::kInput;
    early.to_output = true;
    plan.steps.insert(plan.steps.begin(), early);
  };
  expect_says(after("direct", damage), "after the output may have taken its place");
}

TEST(Mutation, LegCollision) {
  const auto damage = [](std::vector<Plan>* plans) {
    for (Plan& plan : *plans) {
      for (Step& step : plan.steps) step.from_leg = step.to_leg = 0;
    }
  };
  expect_says(after("ring", damage), "a second message of shard");
}

TEST(Mutation, TooManyEncodings) {
  PlanQuery query = shapes::coded(collFuncAllReduce, 4096);
  query.codec.max_encodings = 1;
  const std::vector<Plan> plans = shapes::plans_of_all(shapes::named("direct"), shapes::even(2, 2), query);
  expect_says(check_plans(plans, query), "was encoded 2 times");
  const auto understate = [](std::vector<Plan>* all) {
    for (Plan& plan : *all) plan.encodings = 1;
  };
  expect_says(after("direct", shapes::coded(collFuncAllReduce, 4096), understate), "encodings, but the plan says 1");
}

TEST(Mutation, CodecSkipped) {
  const auto damage = [](std::vector<Plan>* plans) {
    for (Plan& plan : *plans) {
      for (Step& step : plan.steps) step.from_wire = step.to_wire = Wire::kNative;
    }
  };
  expect_says(after("direct", shapes::coded(collFuncAllGather, 4096), damage), "never went through the codec");
}

TEST(Mutation, BitsThatDifferBetweenRanks) {
  // Without coding its own contribution alike, each rank of a coded oneshot sums other values.
  const auto damage = [](std::vector<Plan>* plans) { (*plans)[2].steps[1].code_local = false; };
  expect_says(after("oneshot", shapes::coded(collFuncAllReduce, 4096), damage), "may have other bits");
  // Partners that combine in different orders.
  const auto swapped = [](std::vector<Plan>* plans) {
    Plan& plan = (*plans)[3];
    Step& last = plan.steps.back();
    plan.lists.push_back(std::make_shared<const std::vector<int>>(std::vector<int>{3, 1}));
    last.from = {static_cast<int>(plan.lists.size()) - 1, 0, 2, 0};
  };
  expect_says(after("doubling", swapped), "may have other bits");
}

TEST(Mutation, FalseClaimOfRankOrder) {
  const auto damage = [](std::vector<Plan>* plans) {
    for (Plan& plan : *plans) plan.rank_order = true;
  };
  expect_says(after("ring", damage), "is not reduced in rank order");
  const auto rotated = [](std::vector<Plan>* plans) { (*plans)[1].steps[1].from.first = 1; };
  expect_says(after("direct", rotated), "is not reduced in rank order");
}

TEST(Mutation, UnfinishedAndUnevenlyCoded) {
  const auto damage = [](std::vector<Plan>* plans) { (*plans)[0].steps[1].finish = false; };
  expect_says(after("direct", damage), "before it is finished");
  PlanQuery query = shapes::coded(collFuncAllReduce, 4096);
  query.deterministic = true;
  const auto exact_own = [](std::vector<Plan>* plans) { (*plans)[0].steps[1].code_local = false; };
  expect_says(after("direct", query, exact_own), "is not reduced in rank order");
}

TEST(Mutation, SlotsAndTables) {
  expect_says(after("hier_direct", [](auto* plans) { (*plans)[0].slots = 0; }), "keeps its value in no slot");
  expect_says(after("hier_direct",
                    [](auto* plans) { (*plans)[0].steps[2].shard.first = 0, (*plans)[0].steps[2].keep_slot = -1; }),
              "goes nowhere");
  expect_says(after("direct", [](auto* plans) { (*plans)[3].piece *= 2; }), "is cut into other pieces");
  expect_says(after("direct",
                    [](auto* plans) {
                      (*plans)[3].lists[0] = std::make_shared<const std::vector<int>>(std::vector<int>{0, 1, 2, 9});
                    }),
              "out of range");
  const auto short_chunks = [](std::vector<Plan>* plans) {
    for (Plan& plan : *plans) plan.chunks = 0;
  };
  expect_says(after("direct", short_chunks), "do not reach the shards' ends");
}

TEST(Mutation, PostsThatDiffer) {
  const topo::Topology topology = shapes::even(1, 4);
  const PlanQuery query = shapes::exact(collFuncAllReduce, 4096);
  const auto damaged = [&](const std::function<void(std::vector<Plan>*)>& damage) {
    std::vector<Plan> plans = shapes::plans_of_all(shapes::named("board"), topology, query);
    damage(&plans);
    return check_plans(plans, query);
  };
  expect_says(damaged([](auto* plans) { (*plans)[2].on_board = false; }), "the plan of rank 2 goes another way");
  expect_says(damaged([](auto* plans) { ++(*plans)[2].posts_ahead; }), "posts another number of times");
  expect_says(damaged([](auto* plans) { (*plans)[1].steps[1].to.count = 0; }), "posts another number of times");
  const auto longer = [](std::vector<Plan>* plans) {
    for (Plan& plan : *plans) plan.shards = {{0, 1 << 20}}, plan.piece = 1 << 20;
  };
  expect_says(damaged(longer), "posts 4194304 bytes, with room for 32768");
}

}  // namespace
}  // namespace coll
