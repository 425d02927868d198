// What goes wrong over MPI: a rank that does not make the call or does not join, an abort, settings that differ. Each
// leaves a world in which a new communicator works.
#include "tests/fault/outcome.hpp"
#include "tests/mpi/world.hpp"
#include "tests/support/sanitized.hpp"

namespace coll::test {

namespace {

constexpr int kTimeoutMs = 800;
constexpr size_t kLarge = 300000;

// Everybody waits until all are here; MPI alone, as nothing of the library may be in the way.
void meet() { MPI_Barrier(MPI_COMM_WORLD); }

collConfig_t impatient() {
  collConfig_t config = COLL_CONFIG_INITIALIZER;
  config.timeout_ms = kTimeoutMs;
  return config;
}

void expect_new_one_works() {
  meet();
  const Comm comm(MPI_COMM_WORLD);
  ASSERT_TRUE(comm);
  const Outcome outcome = sum_of_ones(comm.get(), kLarge);
  EXPECT_EQ(outcome.code, collSuccess) << outcome;
}

class OverMpi : public testing::TestWithParam<const char*> {
 protected:
  OverMpi() : transport_("COLL_TRANSPORT", GetParam()), quiet_("COLL_DEBUG", "NONE") {
    // Pairs of ranks on nodes, so that "shm,mpi" is both.
    if (GetParam()[0] == 's') ::setenv("COLL_HOST_ID", std::to_string(world_.rank / 2).c_str(), 1);
  }
  ~OverMpi() override { ::unsetenv("COLL_HOST_ID"); }

  MpiWorld world_;
  ScopedVariable transport_;
  ScopedVariable quiet_;
};

TEST_P(OverMpi, MissingRankIsNamedByAllWhoWait) {
  for (const int missing : {0, world_.size - 1}) {
    for (const int calls_before : {0, 20}) {
      const collConfig_t config = impatient();
      const Comm comm(MPI_COMM_WORLD, &config);
      ASSERT_TRUE(comm);
      for (int i = 0; i < calls_before; ++i) EXPECT_EQ(sum_of_ones(comm.get(), 100).code, collSuccess);
      if (world_.rank != missing) {
        const Outcome outcome = sum_of_ones(comm.get(), kLarge);
        EXPECT_EQ(outcome.code, collTimeout) << outcome;
        EXPECT_TRUE(outcome.says("rank " + std::to_string(missing) + " has not joined the call")) << outcome;
        EXPECT_TRUE(outcome.says("allreduce #" + std::to_string(calls_before) + " ")) << outcome;
        EXPECT_GE(outcome.ms, 0.95 * kTimeoutMs) << outcome;
        EXPECT_LE(outcome.ms, 1.5 * kTimeoutMs + (kSanitized ? 1000 : 0)) << outcome;
        expect_poisoned(comm.get(), outcome);
      }
      meet();
    }
  }
  expect_new_one_works();
}

TEST_P(OverMpi, MissingRankLearnsWhatHappened) {
  const collConfig_t config = impatient();
  const Comm comm(MPI_COMM_WORLD, &config);
  ASSERT_TRUE(comm);
  const auto call = [&] { return outcome_of(comm.get(), [&] { return collBarrier(comm.get(), nullptr); }); };
  Outcome outcome;
  if (world_.rank != 1) outcome = call();
  meet();
  if (world_.rank == 1) {
    outcome = call();
    EXPECT_TRUE(outcome.says("gave up")) << outcome;
    EXPECT_LT(outcome.ms, 0.9 * kTimeoutMs) << outcome;
  }
  EXPECT_EQ(outcome.code, collTimeout) << outcome;
  expect_new_one_works();
}

TEST_P(OverMpi, AbortTellsThePeers) {
  const int aborting = world_.size - 1;
  {
    const Comm comm(MPI_COMM_WORLD);
    ASSERT_TRUE(comm);
    EXPECT_EQ(sum_of_ones(comm.get(), kLarge).code, collSuccess);
    meet();  // an abort also ends what others have not finished
    if (world_.rank == aborting) {
      const Outcome aborted = outcome_of(comm.get(), [&] { return collCommAbort(comm.get()); });
      EXPECT_EQ(aborted.code, collSuccess);
      EXPECT_LT(aborted.ms, 100);
    }
    const Outcome outcome = sum_of_ones(comm.get(), kLarge);
    EXPECT_EQ(outcome.code, collRemoteError) << outcome;
    EXPECT_EQ(outcome.says("rank " + std::to_string(aborting) + " gave up"), world_.rank != aborting) << outcome;
    EXPECT_LT(outcome.ms, 5000) << outcome;
    expect_poisoned(comm.get(), outcome);
    meet();  // MPI moves the news on while it waits
  }
  expect_new_one_works();
}

TEST_P(OverMpi, MismatchShowsBothFingerprintsEverywhere) {
  {
    const Comm comm(MPI_COMM_WORLD);
    ASSERT_TRUE(comm);
    const Outcome outcome = sum_of_ones(comm.get(), world_.rank == 1 ? 123 : 456);
    EXPECT_EQ(outcome.code, collInvalidUsage) << outcome;
    EXPECT_TRUE(outcome.says("rank 0 calls allreduce #0 of 456 float")) << outcome;
    EXPECT_TRUE(outcome.says("rank 1 calls allreduce #0 of 123 float")) << outcome;
    meet();
  }
  expect_new_one_works();
}

TEST_P(OverMpi, DifferingSettingsAreAnErrorOnAllRanks) {
  {
    const ScopedVariable chunk("COLL_CHUNK_BYTES", world_.rank == 1 ? "64K" : "");
    collComm_t comm = nullptr;
    const Outcome outcome = outcome_of(nullptr, [&] { return collCommInitMPI(&comm, MPI_COMM_WORLD, nullptr); });
    EXPECT_EQ(outcome.code, collInvalidUsage) << outcome;
    EXPECT_TRUE(outcome.says("COLL_CHUNK_BYTES=0 on rank 0")) << outcome;
    EXPECT_TRUE(outcome.says("COLL_CHUNK_BYTES=64K on rank 1")) << outcome;
    EXPECT_EQ(comm, nullptr);
  }
  expect_new_one_works();
}

INSTANTIATE_TEST_SUITE_P(Transports, OverMpi, testing::Values("mpi", "shm,mpi"),
                         [](const auto& tested) { return tested.param[0] == 'm' ? "Mpi" : "ShmAndMpi"; });

// The last rank joins too late. What it left unfinished on the program's own communicator belongs to that alone.
TEST(Joining, RankThatNeverJoinsIsNamed) {
  const MpiWorld world;
  MPI_Comm other = MPI_COMM_NULL;
  MPI_Comm_dup(MPI_COMM_WORLD, &other);
  if (world.rank != world.size - 1) {
    const collConfig_t config = impatient();
    collComm_t comm = nullptr;
    const Outcome outcome = outcome_of(nullptr, [&] { return collCommInitMPI(&comm, other, &config); });
    EXPECT_EQ(outcome.code, collTimeout) << outcome;
    EXPECT_TRUE(outcome.says("rank " + std::to_string(world.size - 1) + " did not call collCommInitMPI")) << outcome;
    EXPECT_LE(outcome.ms, 1.5 * kTimeoutMs) << outcome;
    EXPECT_EQ(comm, nullptr);
  }
  expect_new_one_works();
}

}  // namespace

}  // namespace coll::test
