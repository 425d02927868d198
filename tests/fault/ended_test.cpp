// A rank of the node that has left: whoever needs more of it is told so at once, and what it gave before still arrives.
// Ranks are threads here; to the others one that lets go of its communicator looks as if its process had ended.
#include <numeric>

#include "tests/fault/outcome.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

namespace {

using std::chrono::milliseconds;

constexpr int kRanks = 4;
constexpr int kTimeoutMs = 20000;  // nobody may come to it
constexpr size_t kLarge = 300000, kSmall = 100;
constexpr uint64_t kCheckedCalls = 16;  // which do not go over the board

enum class Function { kAllReduce, kReduceScatter, kAllGather, kBroadcast, kBarrier };

struct Scenario {
  std::string name;
  int gone;
  size_t count;
  Function function = Function::kAllReduce;
  std::string algo{};
  Placement node_of = one_node(kRanks);
};

void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name; }

WorldOptions options_for(const Scenario& scenario) {
  WorldOptions options{.node_of = scenario.node_of, .shm = true};
  options.edit = [&scenario](int, Config& config) {
    config.timeout_ms = kTimeoutMs;
    config.env.algo = scenario.algo;
    config.env.debug = "NONE";
  };
  return options;
}

void leave(collComm_t comm) { comm->communicator.reset(); }

// Calls until one fails: the first may need nothing of the rank that is gone.
Outcome call_until_failure(const Scenario& scenario, collComm_t comm) {
  std::vector<float> all(scenario.count * kRanks, 1), part(scenario.count, 1);
  Outcome outcome;
  const auto call = [&] {
    switch (scenario.function) {
      case Function::kAllReduce:
        return collAllReduce(part.data(), part.data(), scenario.count, collFloat32, collSum, comm, nullptr);
      case Function::kReduceScatter:
        return collReduceScatter(all.data(), part.data(), scenario.count, collFloat32, collSum, comm, nullptr);
      case Function::kAllGather:
        return collAllGather(part.data(), all.data(), scenario.count, collFloat32, comm, nullptr);
      case Function::kBroadcast:
        return collBroadcast(part.data(), part.data(), scenario.count, collFloat32, 0, comm, nullptr);
      default:
        return collBarrier(comm, nullptr);
    }
  };
  do outcome = outcome_of(comm, call);
  while (outcome.code == collSuccess);
  return outcome;
}

class Ended : public testing::TestWithParam<Scenario> {};

TEST_P(Ended, IsTheErrorOfAllTheOthers) {
  const Scenario& scenario = GetParam();
  World world(options_for(scenario));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    const collComm_t comm = world.handle(rank);
    for (uint64_t i = 0; i <= kCheckedCalls; ++i) EXPECT_EQ(sum_of_ones(comm, kSmall).code, collSuccess);
    if (rank == scenario.gone) return leave(comm);
    const Outcome outcome = call_until_failure(scenario, comm);
    EXPECT_EQ(outcome.code, collRemoteError) << "rank " << rank << ": " << outcome;
    EXPECT_TRUE(outcome.says(text("rank ", scenario.gone, " has ended"))) << "rank " << rank << ": " << outcome;
    expect_poisoned(comm, outcome);
  });
}

INSTANTIATE_TEST_SUITE_P(
    Ranks, Ended,
    testing::Values(Scenario{"Default", 2, kLarge}, Scenario{"RankZero", 0, kLarge}, Scenario{"Small", 1, kSmall},
                    Scenario{"Board", 3, kSmall, Function::kAllReduce, "board"},
                    Scenario{"Direct", 2, kLarge, Function::kAllReduce, "direct"},
                    Scenario{"Doubling", 1, kLarge, Function::kAllReduce, "doubling"},
                    Scenario{"ReduceScatter", 2, kLarge, Function::kReduceScatter},
                    Scenario{"Ring", 3, kLarge, Function::kAllGather, "ring"},
                    Scenario{"Barrier", 2, 0, Function::kBarrier}, Scenario{"Root", 0, kLarge, Function::kBroadcast},
                    // The root waits for nobody's data, but for this one to take its own.
                    Scenario{"Reader", 2, kLarge, Function::kBroadcast, "direct"},
                    Scenario{"LastReader", 3, kLarge, Function::kBroadcast, "ring"},
                    Scenario{"ReaderOfTheBoard", 2, kSmall, Function::kBroadcast, "board"},
                    // Noticed by its neighbour in the node, who tells the other node.
                    Scenario{"OneOfTwoNodes", 1, kLarge, Function::kAllReduce, "", blocks({2, 2})}),
    [](const auto& tested) { return tested.param.name; });

TEST(EndedOnAStream, IsTheStreamsError) {
  const Scenario scenario{"", 1, kLarge};
  World world(options_for(scenario));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    const collComm_t comm = world.handle(rank);
    if (rank == scenario.gone) return leave(comm);
    std::vector<float> values(kLarge, 1);
    collStream_t stream = nullptr;
    ASSERT_EQ(collStreamCreate(&stream), collSuccess);
    EXPECT_EQ(collAllReduce(values.data(), values.data(), kLarge, collFloat32, collSum, comm, stream), collSuccess);
    const Outcome outcome = outcome_of(comm, [&] { return collStreamSynchronize(stream); });
    EXPECT_EQ(outcome.code, collRemoteError) << outcome;
    EXPECT_TRUE(outcome.says("rank 1 has ended")) << outcome;
    EXPECT_EQ(collStreamDestroy(stream), collSuccess);
  });
}

TEST(EndedBeforeAShortTransfer, IsTheErrorOfItsReceive) {
  const Scenario scenario{"", 1, kSmall};
  World world(options_for(scenario));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    if (rank > 1) return;
    const collComm_t comm = world.handle(rank);
    const auto transfer = [&] {
      float x = 1;
      return rank == 0 ? collRecv(&x, 1, collFloat32, 1, comm, nullptr)
                       : collSend(&x, 1, collFloat32, 0, comm, nullptr);
    };
    for (int i = 0; i < 3; ++i) EXPECT_EQ(transfer(), collSuccess);
    if (rank == scenario.gone) return leave(comm);
    const Outcome outcome = outcome_of(comm, transfer);
    EXPECT_EQ(outcome.code, collRemoteError) << outcome;
    EXPECT_TRUE(outcome.says("rank 1 has ended")) << outcome;
  });
}

// The root and then everybody leaves as soon as it is through, while one is late and others wait for that one.
class InPeace : public testing::TestWithParam<std::string> {};

TEST_P(InPeace, RanksLeaveWithoutHarm) {
  constexpr int kRoot = 0, kLate = 1;
  const Scenario scenario{"", kRoot, kSmall, Function::kBroadcast, GetParam()};
  for (const bool on_board : {false, true}) {
    World world(options_for(scenario));
    ASSERT_TRUE(world.ok()) << world.why();
    world.run([&](int rank, Communicator&) {
      const collComm_t comm = world.handle(rank);
      for (uint64_t i = 0; i <= kCheckedCalls && on_board; ++i) EXPECT_EQ(collBarrier(comm, nullptr), collSuccess);
      std::vector<float> values(kSmall), expected(kSmall);
      std::iota(expected.begin(), expected.end(), 1.0F);
      if (rank == kRoot) values = expected;
      if (rank == kLate) std::this_thread::sleep_for(milliseconds(400));
      const Outcome outcome = outcome_of(
          comm, [&] { return collBroadcast(values.data(), values.data(), kSmall, collFloat32, kRoot, comm, nullptr); });
      EXPECT_EQ(outcome.code, collSuccess) << "rank " << rank << ": " << outcome;
      EXPECT_EQ(values, expected) << "rank " << rank;
      leave(comm);
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Algorithms, InPeace, testing::Values("board", "direct", "ring", "tree", "scatter"),
                         [](const auto& tested) { return tested.param; });

}  // namespace

}  // namespace coll::test
