// A rank that does not make the call: everybody who waits returns collTimeout in time and names exactly that rank.
#include "tests/fault/outcome.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

namespace {

constexpr int kRanks = 4;
constexpr int kTimeoutMs = 600;
constexpr double kSlackMs = kSanitized ? 1000 : 0;  // instrumented ranks share few cores
constexpr size_t kLarge = 300000;

enum class Last { kAllReduce, kReduceScatter, kAllGather, kBarrier };
constexpr std::string_view kNames[] = {"allreduce", "reduce-scatter", "allgather", "barrier"};

struct Scenario {
  std::string name;
  std::vector<int> missing;
  Last call = Last::kAllReduce;
  int calls_before = 0;
  bool shm = false;
  int check = 1;
  std::string algo{};
};

std::string words_for(const std::vector<int>& missing) {
  std::string all;
  for (const int rank : missing) all += text(all.empty() ? "" : ", ", "rank ", rank);
  return text(all, missing.size() == 1 ? " has" : " have", " not joined the call");
}

Outcome make_call(collComm_t comm, Last call) {
  std::vector<float> wide(kLarge * kRanks, 1);
  std::vector<float> narrow(kLarge, 1);
  return outcome_of(comm, [&] {
    switch (call) {
      case Last::kReduceScatter:
        return collReduceScatter(wide.data(), narrow.data(), kLarge, collFloat32, collSum, comm, nullptr);
      case Last::kAllGather:
        return collAllGather(narrow.data(), wide.data(), kLarge, collFloat32, comm, nullptr);
      case Last::kBarrier:
        return collBarrier(comm, nullptr);
      default:
        return collAllReduce(narrow.data(), narrow.data(), kLarge, collFloat32, collSum, comm, nullptr);
    }
  });
}

WorldOptions options_for(const Scenario& scenario) {
  WorldOptions options;
  options.node_of = one_node(kRanks);
  options.shm = scenario.shm;
  options.edit = [&scenario](int, Config& config) {
    config.timeout_ms = kTimeoutMs;
    config.check = scenario.check;
    config.env.algo = scenario.algo;
    config.env.debug = "NONE";
  };
  return options;
}

void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name; }

class Missing : public testing::TestWithParam<Scenario> {};

TEST_P(Missing, IsNamedByAllWhoWait) {
  const Scenario& scenario = GetParam();
  const auto& missing = scenario.missing;
  {
    World world(options_for(scenario));
    ASSERT_TRUE(world.ok()) << world.why();
    world.run([&](int rank, Communicator&) {
      const collComm_t comm = world.handle(rank);
      for (int i = 0; i < scenario.calls_before; ++i) EXPECT_EQ(sum_of_ones(comm, 100).code, collSuccess);
      if (std::find(missing.begin(), missing.end(), rank) != missing.end()) return;
      const Outcome outcome = make_call(comm, scenario.call);
      EXPECT_EQ(outcome.code, collTimeout) << "rank " << rank << ": " << outcome;
      EXPECT_TRUE(outcome.says(words_for(missing))) << "rank " << rank << ": " << outcome;
      const std::string call = text(kNames[static_cast<size_t>(scenario.call)], " #", scenario.calls_before, " ");
      EXPECT_TRUE(outcome.says(call)) << "rank " << rank << ": " << outcome;
      // A slow start lets another rank give up, and say so, before this one has waited as long.
      EXPECT_GE(outcome.ms, (kSanitized ? 0.5 : 0.95) * kTimeoutMs) << "rank " << rank;
      EXPECT_LE(outcome.ms, 1.5 * kTimeoutMs + kSlackMs) << "rank " << rank;
      expect_poisoned(comm, outcome);
    });
    // The missing ranks come too late and learn what happened.
    for (const int rank : missing) {
      const Outcome late = make_call(world.handle(rank), scenario.call);
      EXPECT_EQ(late.code, collTimeout) << late;
      EXPECT_TRUE(late.says("gave up")) << late;
      EXPECT_LT(late.ms, kTimeoutMs) << late;
    }
  }
  World next(options_for({.name = "", .missing = {}}));
  ASSERT_TRUE(next.ok()) << next.why();
  next.run([&](int rank, Communicator&) { EXPECT_EQ(sum_of_ones(next.handle(rank), kLarge).code, collSuccess); });
}

INSTANTIATE_TEST_SUITE_P(
    Timeout, Missing,
    testing::Values(
        Scenario{.name = "FirstCall", .missing = {2}}, Scenario{.name = "RankZero", .missing = {0}},
        Scenario{.name = "OverShm", .missing = {2}, .shm = true},
        Scenario{.name = "TwoOfFour", .missing = {1, 3}, .call = Last::kBarrier, .calls_before = 2},
        Scenario{.name = "AllButOne", .missing = {0, 1, 3}},
        Scenario{.name = "InTheMiddle", .missing = {3}, .calls_before = 20, .shm = true},
        Scenario{.name = "Unchecked", .missing = {1}, .calls_before = 1, .check = 0, .algo = "direct"},
        Scenario{.name = "UncheckedRing", .missing = {1}, .check = 0, .algo = "ring"},
        Scenario{.name = "UncheckedDoublingShm", .missing = {2}, .shm = true, .check = 0, .algo = "doubling"},
        Scenario{.name = "ReduceScatter", .missing = {1}, .call = Last::kReduceScatter, .check = 0},
        Scenario{.name = "AllGatherShm", .missing = {1}, .call = Last::kAllGather, .shm = true, .check = 0}),
    [](const auto& tested) { return tested.param.name; });

TEST(Timeout, OnAStreamComesFromTheStream) {
  World world(options_for({.name = "", .missing = {}}));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    if (rank == 1) return;
    const collComm_t comm = world.handle(rank);
    std::vector<float> values(1000, 1);
    collStream_t stream = nullptr;
    ASSERT_EQ(collStreamCreate(&stream), collSuccess);
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(collAllReduce(values.data(), values.data(), 1000, collFloat32, collSum, comm, stream), collSuccess);
    }
    const Outcome outcome = outcome_of(comm, [&] { return collStreamSynchronize(stream); });
    EXPECT_EQ(outcome.code, collTimeout) << outcome;
    EXPECT_TRUE(outcome.says("rank 1 has not joined the call")) << outcome;
    EXPECT_LE(outcome.ms, 1.5 * kTimeoutMs + kSlackMs);
    EXPECT_EQ(collStreamDestroy(stream), collSuccess);
  });
}

// Time in which the program does not call the library is not time that peers are waited for.
TEST(Timeout, CountsNoTimeOutsideOfCalls) {
  World world(options_for({.name = "", .missing = {}}));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    const collComm_t comm = world.handle(rank);
    EXPECT_EQ(sum_of_ones(comm, 10).code, collSuccess);
    std::this_thread::sleep_for(std::chrono::milliseconds(2 * kTimeoutMs));
    EXPECT_EQ(sum_of_ones(comm, 10).code, collSuccess);
  });
}

}  // namespace

}  // namespace coll::test
