// Communicators over MPI: of the world, of a part of it, several at once, by unique id, and what is refused.
#include <cstring>

#include "tests/mpi/world.hpp"

namespace coll::test {

namespace {

void expect_sum(collComm_t comm, int nranks, size_t count = 5000) {
  std::vector<float> values(count, 1);
  ASSERT_EQ(collAllReduce(values.data(), values.data(), count, collFloat32, collSum, comm, nullptr), collSuccess)
      << collGetLastError(comm);
  for (const float value : values) ASSERT_EQ(value, static_cast<float>(nranks));
}

void expect_place(collComm_t comm, const MpiWorld& world) {
  int count = 0, rank = -1, device = 0;
  EXPECT_EQ(collCommCount(comm, &count), collSuccess);
  EXPECT_EQ(collCommUserRank(comm, &rank), collSuccess);
  EXPECT_EQ(collCommCuDevice(comm, &device), collSuccess);
  EXPECT_EQ(count, world.size);
  EXPECT_EQ(rank, world.rank);
  EXPECT_EQ(device, -1);
}

class SubComm {
 public:
  SubComm(int color, int key) { MPI_Comm_split(MPI_COMM_WORLD, color, key, &comm_); }
  ~SubComm() {
    if (comm_ != MPI_COMM_NULL) MPI_Comm_free(&comm_);
  }
  SubComm(const SubComm&) = delete;
  SubComm& operator=(const SubComm&) = delete;
  MPI_Comm get() const { return comm_; }

 private:
  MPI_Comm comm_ = MPI_COMM_NULL;
};

collUniqueId shared_id() {
  collUniqueId id{};
  const MpiWorld world;
  const collResult_t got = world.rank == 0 ? collGetUniqueId(&id) : collSuccess;
  EXPECT_EQ(got, collSuccess) << collGetLastError(nullptr);
  MPI_Bcast(&id, sizeof id, MPI_BYTE, 0, MPI_COMM_WORLD);
  return id;
}

TEST(Before, MpiInitVersionAndIdWork) {
  EXPECT_EQ(edges().got_version, collSuccess);
  EXPECT_EQ(edges().version, COLL_VERSION_CODE);
  EXPECT_EQ(edges().got_id, collSuccess);
  EXPECT_EQ(edges().init_before, collInvalidUsage);
  EXPECT_NE(edges().init_before_words.find("MPI_Init"), std::string::npos) << edges().init_before_words;
}

TEST(InitMpi, RefusesWhatIsNoIntracommunicator) {
  collComm_t comm = nullptr;
  EXPECT_EQ(collCommInitMPI(nullptr, MPI_COMM_WORLD, nullptr), collInvalidArgument);
  EXPECT_EQ(collCommInitMPI(&comm, MPI_COMM_NULL, nullptr), collInvalidArgument);
  EXPECT_NE(std::strstr(collGetLastError(nullptr), "MPI_COMM_NULL"), nullptr) << collGetLastError(nullptr);
  const MpiWorld world;
  if (world.size < 2) return;
  const SubComm half(world.rank % 2, world.rank);
  MPI_Comm inter = MPI_COMM_NULL;
  MPI_Intercomm_create(half.get(), 0, MPI_COMM_WORLD, 1 - world.rank % 2, 5, &inter);
  EXPECT_EQ(collCommInitMPI(&comm, inter, nullptr), collInvalidArgument);
  EXPECT_NE(std::strstr(collGetLastError(nullptr), "intercommunicator"), nullptr) << collGetLastError(nullptr);
  MPI_Comm_free(&inter);
  collConfig_t config = COLL_CONFIG_INITIALIZER;
  config.check = 9;
  EXPECT_EQ(collCommInitMPI(&comm, MPI_COMM_WORLD, &config), collInvalidArgument);
  EXPECT_EQ(comm, nullptr);
}

TEST(InitMpi, ThreadLevelSingleWillDo) {
  int level = -1;
  MPI_Query_thread(&level);
  EXPECT_EQ(level, MPI_THREAD_SINGLE);
  const Comm comm(MPI_COMM_WORLD);
  ASSERT_TRUE(comm);
  const MpiWorld world;
  expect_place(comm.get(), world);
  expect_sum(comm.get(), world.size);
}

TEST(InitMpi, PartOfTheWorldInAnotherOrder) {
  const MpiWorld world;
  const SubComm part(world.rank % 3, -world.rank);
  const Comm comm(part.get());
  ASSERT_TRUE(comm);
  const MpiWorld there(part.get());
  expect_place(comm.get(), there);
  expect_sum(comm.get(), there.size);
  std::vector<int> ranks(static_cast<size_t>(there.size));
  EXPECT_EQ(collAllGather(&world.rank, ranks.data(), 1, collInt32, comm.get(), nullptr), collSuccess);
  EXPECT_TRUE(std::is_sorted(ranks.rbegin(), ranks.rend()));
}

TEST(InitMpi, CallersCommunicatorStaysItsOwn) {
  const SubComm part(0, 0);
  const Comm comm(part.get());
  ASSERT_TRUE(comm);
  const MpiWorld world;
  // A message of the program on the same communicator and any tag is not the library's.
  const int next = (world.rank + 1) % world.size;
  int got = -1;
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Irecv(&got, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, part.get(), &request);
  expect_sum(comm.get(), world.size);
  EXPECT_EQ(got, -1);
  MPI_Send(&world.rank, 1, MPI_INT, next, 0, part.get());
  MPI_Wait(&request, MPI_STATUS_IGNORE);
  EXPECT_EQ(got, (world.rank + world.size - 1) % world.size);
}

// Two communicators with calls in flight on both, enqueued in different orders.
TEST(InitMpi, TwoAtOnce) {
  const MpiWorld world;
  const SubComm half(world.rank % 2, world.rank);
  const MpiWorld there(half.get());
  const ScopedVariable transport("COLL_TRANSPORT", "mpi");
  const Comm all(MPI_COMM_WORLD), part(half.get());
  ASSERT_TRUE(all && part);
  std::vector<float> a(30000, 1), b(30000, 1);
  collStream_t streams[2];
  for (collStream_t& stream : streams) ASSERT_EQ(collStreamCreate(&stream), collSuccess);
  const auto enqueue = [&](bool whole) {
    auto& values = whole ? a : b;
    EXPECT_EQ(collAllReduce(values.data(), values.data(), values.size(), collFloat32, collSum,
                            (whole ? all : part).get(), streams[whole ? 0 : 1]),
              collSuccess);
  };
  enqueue(world.rank % 2 == 0);
  enqueue(world.rank % 2 != 0);
  expect_sum(all.get(), world.size);  // a blocking call meanwhile
  for (const collStream_t stream : streams) EXPECT_EQ(collStreamDestroy(stream), collSuccess);
  for (const float value : a) ASSERT_EQ(value, static_cast<float>(world.size));
  for (const float value : b) ASSERT_EQ(value, static_cast<float>(there.size));
}

TEST(InitRank, ByIdOnOneNode) {
  const MpiWorld world;
  collComm_t made = nullptr;
  const collUniqueId id = shared_id();
  ASSERT_EQ(collCommInitRank(&made, world.size, id, world.rank), collSuccess) << collGetLastError(nullptr);
  const Comm comm(made);
  expect_place(made, world);
  expect_sum(made, world.size);
  EXPECT_EQ(transports_of(made), world.size == 1 ? "[]" : "[\"shm\"]");
}

TEST(InitRank, ByIdOnSeveralNodesJoinsMpi) {
  const MpiWorld world;
  const ScopedVariable transport("COLL_TRANSPORT", "^ucx");
  const ScopedVariable host_id("COLL_HOST_ID", "node" + std::to_string(world.rank / 2));
  collComm_t made = nullptr;
  const collUniqueId id = shared_id();
  // The new ranks are the world's in reverse.
  const int rank = world.size - 1 - world.rank;
  ASSERT_EQ(collCommInitRank(&made, world.size, id, rank), collSuccess) << collGetLastError(nullptr);
  const Comm comm(made);
  expect_sum(made, world.size);
  EXPECT_EQ(transports_of(made).find("mpi") != std::string::npos, world.size > 2);
  std::vector<int> ranks(static_cast<size_t>(world.size));
  EXPECT_EQ(collAllGather(&world.rank, ranks.data(), 1, collInt32, made, nullptr), collSuccess);
  for (int i = 0; i < world.size; ++i) EXPECT_EQ(ranks[static_cast<size_t>(i)], world.size - 1 - i);
}

// The members of a group know only id, rank and size: others of the world take no part.
TEST(InitRank, ByIdForAPartOfTheWorld) {
  const MpiWorld world;
  const ScopedVariable host_id("COLL_HOST_ID", "node" + std::to_string(world.rank));
  const collUniqueId id = shared_id();
  const int members = std::max(1, world.size - 1);
  if (world.rank < members) {
    collComm_t made = nullptr;
    ASSERT_EQ(collCommInitRank(&made, members, id, world.rank), collSuccess) << collGetLastError(nullptr);
    const Comm comm(made);
    expect_sum(made, members);
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

TEST(InitRank, RefusesBadPlaces) {
  const collUniqueId id{};
  collComm_t comm = nullptr;
  EXPECT_EQ(collCommInitRank(&comm, 0, id, 0), collInvalidArgument);
  EXPECT_EQ(collCommInitRank(&comm, 2, id, 2), collInvalidArgument);
  EXPECT_EQ(collCommInitRank(&comm, 2, id, -1), collInvalidArgument);
  EXPECT_NE(collCommInitRank(&comm, 2, id, 0), collSuccess);  // bytes that are no id
}

TEST(Stats, CountWhatIsSent) {
  const MpiWorld world;
  const Comm comm(MPI_COMM_WORLD);
  ASSERT_TRUE(comm);
  expect_sum(comm.get(), world.size);
  collStats_t stats{};
  stats.size = sizeof stats;
  ASSERT_EQ(collCommGetStats(comm.get(), &stats), collSuccess);
  EXPECT_EQ(stats.calls, 1u);
  EXPECT_EQ(stats.exact_calls, 1u);
  EXPECT_EQ(stats.compressed_calls, 0u);
  EXPECT_EQ(stats.sent_bytes > 0, world.size > 1);
  EXPECT_EQ(stats.sent_bytes, stats.exact_bytes);
}

TEST(Destroy, MayComeAfterMpiFinalize) {
  const ScopedVariable transport("COLL_TRANSPORT", "mpi");
  collComm_t comm = nullptr;
  ASSERT_EQ(collCommInitMPI(&comm, MPI_COMM_WORLD, nullptr), collSuccess) << collGetLastError(nullptr);
  expect_sum(comm, MpiWorld().size);
  keep_until_the_end(comm);
}

}  // namespace

}  // namespace coll::test
