// What a profiler sees of a call: a range with its name, and inside it those of its stages.
#include <coll/coll.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

#include "tests/support/directory.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

namespace {

constexpr size_t kCount = 100'000;

struct Seen {
  std::string name, call;  // the stage, and the range around all
  int depth = 0;
  uint64_t bytes = 0;
};

// Ranges in the order they were opened; every one is closed, by the thread that opened it, after those inside it.
std::vector<Seen> read_ranges(const std::string& path) {
  std::ifstream file(path);
  std::map<int, std::vector<std::string>> open;
  std::vector<Seen> all;
  int thread = 0;
  std::string what;
  while (file >> thread >> what) {
    std::vector<std::string>& mine = open[thread];
    if (what == "pop") {
      EXPECT_FALSE(mine.empty());
      if (!mine.empty()) mine.pop_back();
      continue;
    }
    Seen seen;
    file >> seen.depth >> seen.bytes >> seen.name;
    EXPECT_EQ(static_cast<size_t>(seen.depth), mine.size());
    seen.call = mine.empty() ? seen.name : mine.front();
    mine.push_back(seen.name);
    all.push_back(std::move(seen));
  }
  for (const auto& [id, left] : open) EXPECT_TRUE(left.empty());
  return all;
}

TEST(Nvtx, ShowsACallAndItsStagesInsideIt) {
  ASSERT_NE(std::getenv("NVTX_INJECTION64_PATH"), nullptr);
  const Directory directory;
  const std::string path = directory.path() / "ranges";
  ::setenv("RANGES_FILE", path.c_str(), 1);
  {
    World world({{0, 1}, false});
    ASSERT_TRUE(world.ok()) << world.why();
    world.run([&](int rank, Communicator&) {
      std::vector<float> values(kCount, 1);
      collCodec_t codec = nullptr;
      ASSERT_EQ(collCodecCreate(&codec, "int8"), collSuccess);
      ASSERT_EQ(collAllReduceCompressed(values.data(), values.data(), kCount, collFloat32, collSum, codec,
                                        world.handle(rank), nullptr),
                collSuccess)
          << collGetLastError(nullptr);
      ASSERT_EQ(collAllReduce(values.data(), values.data(), 0, collFloat32, collSum, world.handle(rank), nullptr),
                collSuccess);
      EXPECT_EQ(collCodecDestroy(codec), collSuccess);
    });
  }
  int calls = 0;
  std::set<std::string> stages, others;
  for (const Seen& seen : read_ranges(path)) {
    if (seen.depth > 0 && seen.call == "collAllReduceCompressed") {
      stages.insert(seen.name);
      EXPECT_EQ(seen.bytes > 0, seen.name != "wait") << seen.name;
    } else {
      others.insert(seen.name);
    }
    if (seen.name != "collAllReduceCompressed") continue;
    ++calls;
    EXPECT_EQ(seen.depth, 0);
    EXPECT_EQ(seen.bytes, kCount * sizeof(float));
  }
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(stages, std::set<std::string>({"wait", "encode", "decode", "send"}));
  for (const char* const name : {"collCodecCreate", "collAllReduce", "collCodecDestroy"}) {
    EXPECT_TRUE(others.contains(name)) << name;
  }
  for (const char* const stage : {"encode", "decode", "send"}) EXPECT_FALSE(others.contains(stage)) << stage;
}

}  // namespace

}  // namespace coll::test
