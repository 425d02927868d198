// collCommAbort: returns at once from any thread, ends the call that waits, and tells the peers.
#include <atomic>

#include "tests/fault/outcome.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

namespace {

using std::chrono::milliseconds;

constexpr double kPromptMs = kSanitized ? 2000 : 300;
constexpr size_t kLarge = 400000;

class Abort : public testing::TestWithParam<bool> {
 protected:
  WorldOptions options(int nranks) const {
    WorldOptions made{.node_of = one_node(nranks), .shm = GetParam()};
    made.edit = [](int, Config& config) { config.env.debug = "NONE"; };
    return made;
  }
};

// Calls that find their peers ready never wait; the abort may come in the middle of one.
TEST_P(Abort, IsHeededBetweenCallsThatDoNotWait) {
  World world(options(2));
  ASSERT_TRUE(world.ok()) << world.why();
  std::atomic<int> calls{0};
  std::atomic<int> calls_at_abort{-1};
  std::atomic<bool> ended{false};
  std::thread aborter([&] {
    while (calls < 200 && !ended) std::this_thread::yield();
    EXPECT_EQ(collCommAbort(world.handle(0)), collSuccess);
    calls_at_abort = calls.load();
  });
  std::vector<Outcome> outcomes(2);
  world.run([&](int rank, Communicator&) {
    constexpr int kMost = 100000;
    Outcome& outcome = outcomes[static_cast<size_t>(rank)];
    for (int i = 0; i < kMost && (i == 0 || outcome.code == collSuccess); ++i) {
      outcome = sum_of_ones(world.handle(rank), 1);
      if (rank == 0) ++calls;
    }
    ended = true;
  });
  aborter.join();
  EXPECT_LE(calls - calls_at_abort, 2);
  for (const Outcome& outcome : outcomes) EXPECT_EQ(outcome.code, collRemoteError) << outcome;
}

TEST_P(Abort, EndsACallThatWaitsAndTellsThePeers) {
  constexpr int kAborting = 1, kAbsent = 3;
  World world(options(4));
  ASSERT_TRUE(world.ok()) << world.why();
  std::atomic<int> waiting{0};
  std::atomic<double> took_ms{1e9};
  std::chrono::steady_clock::time_point aborted;
  std::thread aborter([&] {
    while (waiting < 3) std::this_thread::sleep_for(milliseconds(1));
    std::this_thread::sleep_for(milliseconds(100));
    aborted = std::chrono::steady_clock::now();
    const Outcome outcome = outcome_of(nullptr, [&] { return collCommAbort(world.handle(kAborting)); });
    EXPECT_EQ(outcome.code, collSuccess);
    took_ms = outcome.ms;
  });
  std::vector<Outcome> outcomes(4);
  std::vector<std::chrono::steady_clock::time_point> ended(4);
  world.run([&](int rank, Communicator&) {
    if (rank == kAbsent) return;
    ++waiting;
    outcomes[static_cast<size_t>(rank)] = sum_of_ones(world.handle(rank), kLarge);
    ended[static_cast<size_t>(rank)] = std::chrono::steady_clock::now();
  });
  aborter.join();
  EXPECT_LT(took_ms.load(), 100);
  for (const int rank : {0, 1, 2}) {
    const Outcome& outcome = outcomes[static_cast<size_t>(rank)];
    const std::chrono::duration<double, std::milli> after = ended[static_cast<size_t>(rank)] - aborted;
    EXPECT_EQ(outcome.code, collRemoteError) << "rank " << rank << ": " << outcome;
    EXPECT_TRUE(outcome.says("collCommAbort")) << "rank " << rank << ": " << outcome;
    EXPECT_EQ(outcome.says(text("rank ", kAborting, " gave up")), rank != kAborting)
        << "rank " << rank << ": " << outcome;
    EXPECT_LT(after.count(), kPromptMs) << "rank " << rank;
    expect_poisoned(world.handle(rank), outcome);
  }
  const Outcome late = sum_of_ones(world.handle(kAbsent), kLarge);
  EXPECT_EQ(late.code, collRemoteError) << late;
  EXPECT_TRUE(late.says(text("rank ", kAborting, " gave up"))) << late;
}

TEST_P(Abort, BetweenCallsEndsTheNextOneEverywhere) {
  World world(options(3));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) { EXPECT_EQ(sum_of_ones(world.handle(rank), 100).code, collSuccess); });
  EXPECT_EQ(collCommAbort(world.handle(2)), collSuccess);
  EXPECT_EQ(collCommAbort(world.handle(2)), collSuccess);  // twice is no harm
  world.run([&](int rank, Communicator&) {
    const Outcome outcome = sum_of_ones(world.handle(rank), 100);
    EXPECT_EQ(outcome.code, collRemoteError) << outcome;
    EXPECT_EQ(outcome.says("rank 2 gave up"), rank != 2) << outcome;
  });
}

TEST_P(Abort, EndsWhatIsPendingOnStreams) {
  World world(options(3));
  ASSERT_TRUE(world.ok()) << world.why();
  std::atomic<int> enqueued{0};
  std::thread aborter([&] {
    while (enqueued < 2) std::this_thread::sleep_for(milliseconds(1));
    std::this_thread::sleep_for(milliseconds(50));
    EXPECT_EQ(collCommAbort(world.handle(0)), collSuccess);
  });
  world.run([&](int rank, Communicator&) {
    if (rank == 2) return;
    const collComm_t comm = world.handle(rank);
    std::vector<float> values(kLarge, 1);
    collStream_t stream = nullptr;
    ASSERT_EQ(collStreamCreate(&stream), collSuccess);
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(collAllReduce(values.data(), values.data(), kLarge, collFloat32, collSum, comm, stream), collSuccess);
    }
    EXPECT_EQ(collStreamQuery(stream), collInProgress);
    ++enqueued;
    const Outcome outcome = outcome_of(comm, [&] { return collStreamSynchronize(stream); });
    EXPECT_EQ(outcome.code, collRemoteError) << outcome;
    EXPECT_LT(outcome.ms, 50 + kPromptMs) << outcome;
    EXPECT_EQ(collStreamDestroy(stream), collSuccess);
  });
  aborter.join();
}

TEST_P(Abort, OfManyWhileCallsRun) {
  for (int repetition = 0; repetition < (kSanitized ? 5 : 20); ++repetition) {
    World world(options(4));
    ASSERT_TRUE(world.ok()) << world.why();
    std::thread aborter([&] {
      std::this_thread::sleep_for(milliseconds(repetition));
      EXPECT_EQ(collCommAbort(world.handle(repetition % 4)), collSuccess);
    });
    world.run([&](int rank, Communicator&) {
      Outcome outcome;
      do outcome = sum_of_ones(world.handle(rank), 5000);
      while (outcome.code == collSuccess);
      EXPECT_EQ(outcome.code, collRemoteError) << outcome;
    });
    aborter.join();
  }
}

INSTANTIATE_TEST_SUITE_P(Transports, Abort, testing::Bool(),
                         [](const auto& tested) { return tested.param ? "Shm" : "Inproc"; });

}  // namespace

}  // namespace coll::test
