// Codec auto with an absolute error: the ranks' data decides, on all ranks alike, and the bound holds.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "tests/support/host_stream.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

namespace {

constexpr size_t kCount = 50021;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
using Vectors = std::vector<std::vector<float>>;  // by rank

// Links so slow that every codec pays.
WorldOptions slow_links(const Placement& node_of, const std::string& codec) {
  WorldOptions options{node_of};
  options.edit = [codec](int, Config& config) {
    config.env.topo_links = "shm=1us/10MBs,net=1us/10MBs";
    config.codec = codec;
  };
  return options;
}

// Rank r's data reaches magnitude[r].
Vectors data_of(const std::vector<float>& magnitude, size_t count = kCount) {
  std::mt19937 random(3);
  Vectors all;
  for (const float most : magnitude) {
    std::uniform_real_distribution<float> values(-most, most);
    std::vector<float>& one = all.emplace_back(count);
    for (float& x : one) x = values(random);
    if (count > 0) one[count / 2] = -most;
  }
  return all;
}

struct Outcome {
  Vectors results;
  bool compressed = false;
  double worst = 0;  // error of any element
};

double combined(collRedOp_t op, const Vectors& data, size_t i) {
  double value = data[0][i];
  for (size_t rank = 1; rank < data.size(); ++rank) {
    value = op == collMax ? std::max<double>(value, data[rank][i]) : value + data[rank][i];
  }
  return op == collAvg ? value / static_cast<double>(data.size()) : value;
}

Outcome all_reduce(World& world, const Vectors& data, collRedOp_t op = collSum) {
  Outcome outcome{Vectors(data.size())};
  const uint64_t before = world.communicator(0).stats().compressed_calls;
  world.run([&](int rank, Communicator&) {
    const auto& send = data[static_cast<size_t>(rank)];
    auto& recv = outcome.results[static_cast<size_t>(rank)];
    recv.resize(send.size());
    EXPECT_EQ(collAllReduce(send.data(), recv.data(), send.size(), collFloat32, op, world.handle(rank), nullptr),
              collSuccess)
        << collGetLastError(nullptr);
  });
  outcome.compressed = world.communicator(0).stats().compressed_calls > before;
  for (size_t i = 0; i < data[0].size(); ++i) {
    const double error = std::abs(outcome.results[0][i] - combined(op, data, i));
    if (!(error <= outcome.worst)) outcome.worst = error;
  }
  return outcome;
}

void expect_same_bits(const Vectors& results) {
  for (const auto& result : results) {
    EXPECT_EQ(std::memcmp(result.data(), results[0].data(), result.size() * sizeof(float)), 0);
  }
}

TEST(AutoAbs, KeepsTheBoundAndCompressesWhereTheDataAllowsIt) {
  for (const Placement& node_of : {one_node(4), blocks({2, 2}), blocks({1, 2, 1})}) {
    World world(slow_links(node_of, "auto:abs=0.5"));
    ASSERT_TRUE(world.ok()) << world.why();
    for (const collRedOp_t op : {collSum, collMax, collAvg}) {
      const double ranks = op == collSum ? 4 : 1;
      // int8 encodes twice with an error of 0.0079 of the magnitude, bf16 with 0.0078.
      for (const double magnitude : {1e-3, 1.0, 30.0, 60.0}) {
        const Outcome fits =
            all_reduce(world, data_of(std::vector<float>(4, static_cast<float>(magnitude / ranks))), op);
        EXPECT_TRUE(fits.compressed) << magnitude << " " << name(op);
        EXPECT_LE(fits.worst, 0.5);
        expect_same_bits(fits.results);
      }
      const Outcome exact = all_reduce(world, data_of(std::vector<float>(4, static_cast<float>(140 / ranks))), op);
      EXPECT_FALSE(exact.compressed) << name(op);
      EXPECT_LE(exact.worst, 1e-4);
    }
  }
}

TEST(AutoAbs, OneRanksDataCountsForAll) {
  for (int holder = 0; holder < 5; ++holder) {
    World world(slow_links(blocks({2, 3}), "auto:abs=0.1"));
    ASSERT_TRUE(world.ok()) << world.why();
    std::vector<float> magnitude(5, 0.5f);
    EXPECT_TRUE(all_reduce(world, data_of(magnitude)).compressed);
    magnitude[static_cast<size_t>(holder)] = 100;
    EXPECT_FALSE(all_reduce(world, data_of(magnitude)).compressed) << "rank " << holder;
    EXPECT_TRUE(all_reduce(world, data_of(std::vector<float>(5, 0.5f))).compressed);
  }
}

TEST(AutoAbs, WhatIsNoNumberIsExactAndStaysVisible) {
  for (const float value : {kNan, std::numeric_limits<float>::infinity()}) {
    World world(slow_links(blocks({2, 2}), "auto:abs=0.5"));
    ASSERT_TRUE(world.ok()) << world.why();
    Vectors data = data_of(std::vector<float>(4, 1));
    data[2][7] = value;
    const Outcome outcome = all_reduce(world, data);
    EXPECT_FALSE(outcome.compressed);
    for (const auto& result : outcome.results) {
      EXPECT_FALSE(std::isfinite(result[7]));
      EXPECT_EQ(result[8], outcome.results[0][8]);
    }
    EXPECT_NEAR(outcome.results[0][8], combined(collSum, data, 8), 1e-5);
  }
}

// Every rank's block counts in a reduce-scatter, and every caller's own in an allgather.
TEST(AutoAbs, OtherCollectives) {
  World world(slow_links(blocks({2, 2}), "auto:abs=0.5"));
  ASSERT_TRUE(world.ok()) << world.why();
  constexpr size_t kBlock = 8192;
  for (const float magnitude : {10.0f, 1000.0f}) {
    Vectors data = data_of(std::vector<float>(4, 10), 4 * kBlock);
    data[3][3 * kBlock + 5] = magnitude;  // in the last block, and in what an allgather sends
    Vectors reduced(4), gathered(4);
    const auto before = world.communicator(1).stats();
    world.run([&](int rank, Communicator&) {
      const auto r = static_cast<size_t>(rank);
      reduced[r].resize(kBlock);
      gathered[r].resize(4 * kBlock);
      EXPECT_EQ(collReduceScatter(data[r].data(), reduced[r].data(), kBlock, collFloat32, collSum, world.handle(rank),
                                  nullptr),
                collSuccess);
      EXPECT_EQ(collAllGather(data[r].data() + 3 * kBlock, gathered[r].data(), kBlock, collFloat32, world.handle(rank),
                              nullptr),
                collSuccess);
    });
    EXPECT_EQ(world.communicator(1).stats().compressed_calls - before.compressed_calls, magnitude < 100 ? 2u : 0u);
    for (size_t r = 0; r < 4; ++r) {
      for (size_t i = 0; i < kBlock; ++i) {
        ASSERT_LE(std::abs(reduced[r][i] - combined(collSum, data, r * kBlock + i)), 0.5);
        ASSERT_LE(std::abs(gathered[0][r * kBlock + i] - data[r][3 * kBlock + i]), 0.5);
      }
    }
    expect_same_bits(gathered);
  }
}

TEST(AutoAbs, OthersThanSumsOfFloatsAreExactWithoutAsking) {
  World world(slow_links(one_node(2), "auto:abs=100"));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator& communicator) {
    std::vector<int32_t> data(1000, rank + 1);
    EXPECT_EQ(collAllReduce(data.data(), data.data(), data.size(), collInt32, collSum, world.handle(rank), nullptr),
              collSuccess);
    EXPECT_EQ(data[999], 3);
    EXPECT_EQ(communicator.stats().compressed_calls, 0u);
  });
}

// A later call on the stream must not look at its data before the earlier one has written it.
TEST(AutoAbs, OnAStreamTheDataIsThatOfItsTurn) {
  World world(slow_links(blocks({2, 2}), "auto:abs=0.5"));
  ASSERT_TRUE(world.ok()) << world.why();
  const Vectors data = data_of(std::vector<float>(4, 1000));
  Vectors results(4);
  world.run([&](int rank, Communicator&) {
    const auto r = static_cast<size_t>(rank);
    std::vector<float> between(kCount, 1e-3f);  // what the second call would see too early
    std::vector<float> small(16, 1), sums(16);
    results[r].resize(kCount);
    HostStream first, second;
    const auto all_reduce_on = [&](HostStream& stream, const std::vector<float>& send, std::vector<float>& recv) {
      EXPECT_EQ(
          collAllReduce(send.data(), recv.data(), send.size(), collFloat32, collSum, world.handle(rank), stream.get()),
          collSuccess);
    };
    all_reduce_on(first, data[r], between);
    all_reduce_on(first, between, results[r]);
    all_reduce_on(second, small, sums);
    EXPECT_EQ(collStreamSynchronize(second.get()), collSuccess);
    EXPECT_EQ(collStreamSynchronize(first.get()), collSuccess);
    EXPECT_NEAR(sums[3], 4, 0.5);
  });
  for (size_t i = 0; i < kCount; ++i) ASSERT_NEAR(results[0][i], 4 * combined(collSum, data, i), 1e-2) << i;
  expect_same_bits(results);
}

// Small exact calls are posted on the node's board in the order of the calls; settled ones come later and keep off it.
TEST(AutoAbs, SettledCallsAndTheBoardDoNotMeet) {
  WorldOptions options{one_node(3)};
  options.shm = true;
  options.edit = [](int, Config& config) { config.codec = "auto:abs=0.5"; };
  World world(options);
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    std::vector<float> data(64, 1e6f), sums(64);
    std::vector<int32_t> numbers(64, 1), total(64);
    for (int call = 0; call < 40; ++call) {  // beyond the calls that are compared
      HostStream stream, other;
      EXPECT_EQ(collAllReduce(data.data(), sums.data(), 64, collFloat32, collSum, world.handle(rank), stream.get()),
                collSuccess);
      // One rank has its first call behind it before it begins the second.
      if (rank == call % 3) {
        EXPECT_EQ(collStreamSynchronize(stream.get()), collSuccess);
      }
      EXPECT_EQ(collAllReduce(numbers.data(), total.data(), 64, collInt32, collSum, world.handle(rank), other.get()),
                collSuccess);
      EXPECT_EQ(collStreamSynchronize(stream.get()), collSuccess);
      EXPECT_EQ(collStreamSynchronize(other.get()), collSuccess);
      ASSERT_EQ(sums[63], 3e6f);
      ASSERT_EQ(total[63], 3);
    }
  });
}

TEST(AutoAbs, ARankThatNeverComesIsNamed) {
  WorldOptions options = slow_links(one_node(3), "auto:abs=0.5");
  const auto edit = options.edit;
  options.edit = [edit](int rank, Config& config) {
    edit(rank, config);
    config.timeout_ms = 300;
  };
  World world(options);
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    if (rank == 1) return;
    std::vector<float> data(100, 1);
    EXPECT_EQ(collAllReduce(data.data(), data.data(), data.size(), collFloat32, collSum, world.handle(rank), nullptr),
              collTimeout);
    const std::string said = collGetLastError(nullptr);
    EXPECT_NE(said.find("allreduce"), std::string::npos) << said;
    EXPECT_NE(said.find("rank 1"), std::string::npos) << said;
  });
}

TEST(AutoAbs, DeterministicCallsAreExact) {
  WorldOptions options = slow_links(one_node(3), "auto:abs=0.5");
  const auto edit = options.edit;
  options.edit = [edit](int rank, Config& config) {
    edit(rank, config);
    config.deterministic = true;
  };
  World world(options);
  ASSERT_TRUE(world.ok()) << world.why();
  EXPECT_FALSE(all_reduce(world, data_of({1, 1, 1})).compressed);
}

// The rounds that settle compare the calls, whatever `check` says.
TEST(AutoAbs, RanksThatAskForDifferentThingsAreToldApart) {
  WorldOptions options{one_node(3)};
  options.edit = [](int, Config& config) { config.check = 0; };
  World world(options);
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    collCodec_t codec = nullptr;
    ASSERT_EQ(collCodecCreate(&codec, rank == 1 ? "auto:abs=2" : "auto:abs=1"), collSuccess);
    std::vector<float> data(100, 1);
    const collResult_t result = collAllReduceCompressed(data.data(), data.data(), data.size(), collFloat32, collSum,
                                                        codec, world.handle(rank), nullptr);
    EXPECT_EQ(result, collInvalidUsage);
    EXPECT_NE(std::string(collGetLastError(nullptr)).find("auto:abs=2"), std::string::npos);
    EXPECT_EQ(collCodecDestroy(codec), collSuccess);
  });
}

}  // namespace

}  // namespace coll::test
