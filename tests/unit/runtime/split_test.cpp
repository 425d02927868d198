// Parts of a communicator, and what a communicator holds.
#include <gtest/gtest.h>

#include "tests/support/world.hpp"

namespace coll::test {

namespace {

World world_of(int nranks) {
  WorldOptions options{one_node(nranks), true};
  options.edit = [](int, Config& config) { config.timeout_ms = 54321; };
  return World(options);
}

// Rank and size of a new communicator, and the sum of its members' old ranks.
struct Place {
  int rank = -1;
  int nranks = -1;
  int32_t sum = 0;
};

Place place_of(collComm_t comm, int old_rank) {
  Place place;
  place.sum = old_rank;
  EXPECT_EQ(collCommUserRank(comm, &place.rank), collSuccess);
  EXPECT_EQ(collCommCount(comm, &place.nranks), collSuccess);
  EXPECT_EQ(collAllReduce(&place.sum, &place.sum, 1, collInt32, collSum, comm, nullptr), collSuccess)
      << collGetLastError(comm);
  return place;
}

TEST(Split, ByColorInTheOrderOfKeys) {
  for (int n = 1; n <= 7; ++n) {
    World world = world_of(n);
    ASSERT_TRUE(world.ok()) << world.why();
    world.run([&](int rank, Communicator&) {
      collComm_t part = nullptr;
      // Even ranks backwards; odd ones all with one key, so in their order.
      const int key = rank % 2 == 0 ? -rank : 0;
      ASSERT_EQ(collCommSplit(world.handle(rank), rank % 2, key, &part, nullptr), collSuccess)
          << collGetLastError(nullptr);
      const int members = rank % 2 == 0 ? (n + 1) / 2 : n / 2;
      int sum = 0;
      for (int each = rank % 2; each < n; each += 2) sum += each;
      const Place place = place_of(part, rank);
      EXPECT_EQ(place.nranks, members);
      EXPECT_EQ(place.rank, rank % 2 == 0 ? members - 1 - rank / 2 : rank / 2);
      EXPECT_EQ(place.sum, sum);
      EXPECT_EQ(part->communicator->config().timeout_ms, 54321) << "as the parent";
      EXPECT_EQ(collCommDestroy(part), collSuccess);
      EXPECT_EQ(place_of(world.handle(rank), rank).nranks, n) << "the parent goes on";
    });
  }
}

TEST(Split, NoColorGivesNoCommunicator) {
  World world = world_of(3);
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    collConfig_t config = COLL_CONFIG_INITIALIZER;
    config.timeout_ms = 777;
    collComm_t part = world.handle(rank);
    ASSERT_EQ(collCommSplit(world.handle(rank), rank == 1 ? COLL_SPLIT_NOCOLOR : 5, 0, &part, &config), collSuccess);
    EXPECT_EQ(part == nullptr, rank == 1);
    if (rank == 1) return;
    EXPECT_EQ(place_of(part, rank).sum, 2);
    EXPECT_EQ(part->communicator->config().timeout_ms, 777);
    EXPECT_EQ(collCommDestroy(part), collSuccess);
  });
  collComm_t part = nullptr;
  EXPECT_EQ(collCommSplit(world.handle(0), -2, 0, &part, nullptr), collInvalidArgument);
  EXPECT_EQ(collCommSplit(nullptr, 0, 0, &part, nullptr), collInvalidArgument);
  EXPECT_EQ(collCommSplit(world.handle(0), 0, 0, nullptr, nullptr), collInvalidArgument);
}

TEST(MemUsage, CountsSharedMemoryAndStaging) {
  World alone = world_of(1);
  World two = world_of(2);
  ASSERT_TRUE(alone.ok() && two.ok());
  size_t of_one = 1, of_two = 0, device = 1;
  ASSERT_EQ(collCommMemUsage(alone.handle(0), &of_one, &device), collSuccess);
  ASSERT_EQ(collCommMemUsage(two.handle(0), &of_two, nullptr), collSuccess);
  EXPECT_EQ(device, 0u);
  EXPECT_GT(of_two, of_one) << "two ranks share a segment, one needs none";
  two.run([&](int rank, Communicator&) {
    std::vector<float> data(500000, 1);
    EXPECT_EQ(collAllReduce(data.data(), data.data(), data.size(), collFloat32, collSum, two.handle(rank), nullptr),
              collSuccess);
  });
  size_t later = 0;
  ASSERT_EQ(collCommMemUsage(two.handle(0), &later, nullptr), collSuccess);
  EXPECT_GT(later, of_two) << "staging memory that the process keeps";
  EXPECT_EQ(collCommMemUsage(nullptr, &later, nullptr), collInvalidArgument);
}

}  // namespace

}  // namespace coll::test
