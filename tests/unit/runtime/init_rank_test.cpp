// Joining by unique id, with the threads of one process as ranks.
#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/world.hpp"

namespace coll::test {

namespace {

collUniqueId make_id() {
  collUniqueId id{};
  EXPECT_EQ(collGetUniqueId(&id), collSuccess) << collGetLastError(nullptr);
  return id;
}

TEST(InitRank, RanksMeetAndReduce) {
  for (int n = 1; n <= 5; ++n) {
    const collUniqueId id = make_id();
    run_threads(n, [&](int rank) {
      collComm_t comm = nullptr;
      ASSERT_EQ(collCommInitRank(&comm, n, id, rank), collSuccess) << collGetLastError(nullptr);
      int count = 0;
      int own = -1;
      EXPECT_EQ(collCommCount(comm, &count), collSuccess);
      EXPECT_EQ(collCommUserRank(comm, &own), collSuccess);
      EXPECT_EQ(count, n);
      EXPECT_EQ(own, rank);
      std::vector<double> x(10001, rank + 1);
      EXPECT_EQ(collAllReduce(x.data(), x.data(), x.size(), collFloat64, collSum, comm, nullptr), collSuccess);
      EXPECT_EQ(x.front(), n * (n + 1) / 2);
      EXPECT_EQ(x.back(), n * (n + 1) / 2);
      EXPECT_EQ(collBarrier(comm, nullptr), collSuccess);
      std::string json(100000, ' ');
      EXPECT_EQ(collCommQueryPlan(comm, collFuncAllReduce, 10, collFloat32, nullptr, json.data(), json.size(), nullptr),
                collSuccess);
      EXPECT_EQ(json.find("\"shm\"") != std::string::npos, n > 1) << json.c_str();
      EXPECT_EQ(collCommFinalize(comm), collSuccess);
      EXPECT_EQ(collCommDestroy(comm), collSuccess);
    });
  }
}

TEST(InitRank, ConfigIsUsed) {
  const collUniqueId id = make_id();
  run_threads(2, [&](int rank) {
    collConfig_t config = COLL_CONFIG_INITIALIZER;
    config.codec = "bf16";
    config.check = 2;
    collComm_t comm = nullptr;
    ASSERT_EQ(collCommInitRankConfig(&comm, 2, id, rank, &config), collSuccess) << collGetLastError(nullptr);
    std::vector<float> x(100, 0.1f);
    EXPECT_EQ(collAllReduce(x.data(), x.data(), x.size(), collFloat32, collSum, comm, nullptr), collSuccess);
    collStats_t stats{};
    stats.size = sizeof(stats);
    EXPECT_EQ(collCommGetStats(comm, &stats), collSuccess);
    EXPECT_EQ(stats.compressed_calls, 1u);
    EXPECT_EQ(collCommDestroy(comm), collSuccess);
  });
}

TEST(InitRank, SeveralCommunicatorsOfOneProcess) {
  const collUniqueId ids[] = {make_id(), make_id(), make_id()};
  run_threads(3, [&](int rank) {
    collComm_t comms[3] = {};
    for (int i = 0; i < 3; ++i) ASSERT_EQ(collCommInitRank(&comms[i], 3, ids[i], (rank + i) % 3), collSuccess);
    for (int i = 0; i < 3; ++i) {
      int32_t x = 1 << (rank + i) % 3;
      EXPECT_EQ(collAllReduce(&x, &x, 1, collInt32, collSum, comms[i], nullptr), collSuccess);
      EXPECT_EQ(x, 7);
    }
    for (const collComm_t comm : comms) EXPECT_EQ(collCommDestroy(comm), collSuccess);
  });
}

void expect_refused(collResult_t result, collResult_t due, const char* part) {
  EXPECT_EQ(result, due);
  const std::string words = collGetLastError(nullptr);
  EXPECT_NE(words.find("collCommInitRank"), std::string::npos) << words;
  EXPECT_NE(words.find(part), std::string::npos) << words;
}

TEST(InitRank, WrongArgumentsAreNamed) {
  const collUniqueId id = make_id();
  collComm_t comm = reinterpret_cast<collComm_t>(&comm);
  expect_refused(collCommInitRank(nullptr, 1, id, 0), collInvalidArgument, "comm is NULL");
  expect_refused(collCommInitRank(&comm, 2, id, 2), collInvalidArgument, "rank is 2; it must be 0 to 1");
  EXPECT_EQ(comm, nullptr) << "no communicator after a failure";
  expect_refused(collCommInitRank(&comm, 2, id, -1), collInvalidArgument, "rank is -1");
  expect_refused(collCommInitRank(&comm, 0, id, 0), collInvalidArgument, "nranks is 0");
  expect_refused(collCommInitRank(&comm, -3, id, 0), collInvalidArgument, "nranks is -3");
  const collUniqueId zeros{};
  expect_refused(collCommInitRank(&comm, 2, zeros, 0), collInvalidArgument, "collGetUniqueId");
  collConfig_t config = COLL_CONFIG_INITIALIZER;
  config.check = 9;
  expect_refused(collCommInitRankConfig(&comm, 1, id, 0, &config), collInvalidArgument, "check is 9");
  config = COLL_CONFIG_INITIALIZER;
  config.codec = "gzip";
  expect_refused(collCommInitRankConfig(&comm, 1, id, 0, &config), collInvalidArgument, "gzip");
}

TEST(InitRank, RanksThatDisagreeAboutTheSizeAllFail) {
  const collUniqueId id = make_id();
  run_threads(2, [&](int rank) {
    collComm_t comm = nullptr;
    expect_refused(collCommInitRank(&comm, rank == 0 ? 2 : 3, id, rank), collInvalidUsage, "rank ");
    EXPECT_EQ(comm, nullptr);
  });
}

TEST(InitRank, RankThatNeverJoinsIsNamed) {
  collConfig_t config = COLL_CONFIG_INITIALIZER;
  config.timeout_ms = 300;
  const collUniqueId id = make_id();
  run_threads(2, [&](int rank) {
    collComm_t comm = nullptr;
    expect_refused(collCommInitRankConfig(&comm, 3, id, rank, &config), collTimeout, "rank 2");
  });
}

TEST(InitRank, IdsAreDifferentAndNeedNoCommunicator) {
  const collUniqueId a = make_id();
  const collUniqueId b = make_id();
  EXPECT_NE(std::memcmp(&a, &b, sizeof(a)), 0);
}

}  // namespace

}  // namespace coll::test
