// Memory and descriptors: a communicator of one rank takes next to nothing, and what is destroyed is given back.
#include "tests/fault/held.hpp"
#include "tests/fault/outcome.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

namespace {

constexpr size_t kMiB = size_t{1} << 20;
// A sanitizer keeps freed memory for a while.
constexpr size_t kFlatBytes = (kSanitized ? 400 : 3) * kMiB;

// Meeting points end a moment after their last rank has left.
int settled_descriptors(int expected) {
  int open = open_descriptors();
  for (int look = 0; look < 100 && open > expected; ++look) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    open = open_descriptors();
  }
  return open;
}

// One communicator by unique id from creation to destruction, its ranks as threads that share memory.
void live_and_die(int nranks, size_t count) {
  collUniqueId id;
  ASSERT_EQ(collGetUniqueId(&id), collSuccess);
  run_threads(nranks, [&](int rank) {
    collComm_t comm = nullptr;
    const Outcome made = outcome_of(nullptr, [&] { return collCommInitRank(&comm, nranks, id, rank); });
    ASSERT_EQ(made.code, collSuccess) << made;
    EXPECT_EQ(sum_of_ones(comm, count).code, collSuccess);
    EXPECT_EQ(collCommDestroy(comm), collSuccess);
  });
}

TEST(Memory, OneRankTakesNextToNothing) {
  live_and_die(1, 10);  // what the process loads once
  const size_t before = resident_bytes();
  std::vector<collComm_t> comms(20);
  for (collComm_t& comm : comms) {
    collUniqueId id;
    ASSERT_EQ(collGetUniqueId(&id), collSuccess);
    ASSERT_EQ(collCommInitRank(&comm, 1, id, 0), collSuccess);
    EXPECT_EQ(sum_of_ones(comm, 1000).code, collSuccess);
  }
  const size_t after = resident_bytes();
  EXPECT_LT(after - std::min(before, after), (kSanitized ? 200 : 4) * kMiB);
  for (const collComm_t comm : comms) EXPECT_EQ(collCommDestroy(comm), collSuccess);
}

TEST(Memory, IsFlatOverManyCommunicators) {
  constexpr int kWarmUp = 20, kCycles = 200;
  for (int i = 0; i < kWarmUp; ++i) live_and_die(2, 100000);
  const int descriptors = settled_descriptors(0);
  const size_t before = resident_bytes();
  for (int i = 0; i < kCycles; ++i) live_and_die(2, 100000);
  EXPECT_LE(settled_descriptors(descriptors), descriptors);
  const size_t after = resident_bytes();
  EXPECT_LT(after, before + kFlatBytes) << "before: " << before << ", after: " << after;
}

TEST(Memory, IsFlatOverManyCalls) {
  World world({.node_of = one_node(2), .shm = true});
  ASSERT_TRUE(world.ok()) << world.why();
  size_t before = 0, after = 0;
  world.run([&](int rank, Communicator&) {
    const collComm_t comm = world.handle(rank);
    for (const size_t count : {100000, 1, 3001}) EXPECT_EQ(sum_of_ones(comm, count).code, collSuccess);
    for (int i = 0; i < 500; ++i) EXPECT_EQ(sum_of_ones(comm, 20000).code, collSuccess);
    if (rank == 0) before = resident_bytes();
    for (int i = 0; i < 3000; ++i) EXPECT_EQ(sum_of_ones(comm, 20000).code, collSuccess);
    if (rank == 0) after = resident_bytes();
  });
  EXPECT_LT(after, before + kFlatBytes) << "before: " << before << ", after: " << after;
}

}  // namespace

}  // namespace coll::test
