// Arguments that a call must refuse, and those that look odd and must work.
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/fault/outcome.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

namespace {

constexpr int kRanks = 3;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

class Arguments : public testing::Test {
 protected:
  Arguments() : world_({.node_of = one_node(kRanks)}) {}
  void SetUp() override { ASSERT_TRUE(world_.ok()) << world_.why(); }

  // A refused call is local: nobody waits, and the communicator stays usable.
  void expect_refused(const std::string& words, const std::function<collResult_t(int rank, collComm_t comm)>& call) {
    world_.run([&](int rank, Communicator&) {
      const collComm_t comm = world_.handle(rank);
      const Outcome outcome = outcome_of(comm, [&] { return call(rank, comm); });
      EXPECT_EQ(outcome.code, collInvalidArgument) << outcome;
      EXPECT_TRUE(outcome.says(words)) << outcome;
      EXPECT_EQ(sum_of_ones(comm, 10).code, collSuccess);
    });
  }

  World world_;
};

TEST_F(Arguments, OverlapIsRefusedUnlessItIsInPlace) {
  constexpr size_t kCount = 100;
  std::vector<std::vector<float>> memory(kRanks, std::vector<float>(3 * kRanks * kCount, 1));
  const auto at = [&](int rank, size_t offset) { return memory[static_cast<size_t>(rank)].data() + offset; };
  for (const size_t shift : {size_t{1}, kCount - 1}) {
    expect_refused("overlap", [&](int rank, collComm_t comm) {
      return collAllReduce(at(rank, 0), at(rank, shift), kCount, collFloat32, collSum, comm, nullptr);
    });
    expect_refused("overlap", [&](int rank, collComm_t comm) {
      return collReduceScatter(at(rank, 0), at(rank, static_cast<size_t>(rank) * kCount + shift), kCount, collFloat32,
                               collSum, comm, nullptr);
    });
    expect_refused("overlap", [&](int rank, collComm_t comm) {
      return collAllGather(at(rank, static_cast<size_t>(rank) * kCount + shift), at(rank, 0), kCount, collFloat32, comm,
                           nullptr);
    });
  }
  world_.run([&](int rank, Communicator&) {
    const collComm_t comm = world_.handle(rank);
    const size_t own = static_cast<size_t>(rank) * kCount;
    EXPECT_EQ(collAllReduce(at(rank, 0), at(rank, kCount), kCount, collFloat32, collSum, comm, nullptr), collSuccess);
    EXPECT_EQ(collReduceScatter(at(rank, 0), at(rank, own), kCount, collFloat32, collSum, comm, nullptr), collSuccess);
    EXPECT_EQ(collAllGather(at(rank, own), at(rank, 0), kCount, collFloat32, comm, nullptr), collSuccess);
  });
}

TEST_F(Arguments, NullAndUnknownValuesAreRefused) {
  float value = 1;
  expect_refused("send is NULL", [&](int, collComm_t comm) {
    return collAllReduce(nullptr, &value, 1, collFloat32, collSum, comm, nullptr);
  });
  expect_refused("recv is NULL", [&](int, collComm_t comm) {
    return collAllReduce(&value, nullptr, 1, collFloat32, collSum, comm, nullptr);
  });
  expect_refused("type is 99", [&](int, collComm_t comm) {
    return collAllReduce(&value, &value, 1, static_cast<collDataType_t>(99), collSum, comm, nullptr);
  });
  expect_refused("op is -1", [&](int, collComm_t comm) {
    return collAllReduce(&value, &value, 1, collFloat32, static_cast<collRedOp_t>(-1), comm, nullptr);
  });
  expect_refused("root is 3", [&](int, collComm_t comm) {
    return collBroadcast(&value, &value, 1, collFloat32, kRanks, comm, nullptr);
  });
  expect_refused("count is ", [&](int, collComm_t comm) {
    return collAllReduce(&value, &value, SIZE_MAX / 2, collFloat32, collSum, comm, nullptr);
  });
  EXPECT_EQ(collAllReduce(&value, &value, 1, collFloat32, collSum, nullptr, nullptr), collInvalidArgument);
  EXPECT_EQ(collBarrier(nullptr, nullptr), collInvalidArgument);
}

TEST_F(Arguments, OddAddressesAndCountsWork) {
  for (const size_t count : {0, 1, 2, 3, 4, 7, 1009}) {
    for (const size_t shift : {1, 3}) {
      world_.run([&](int rank, Communicator&) {
        std::vector<std::byte> send(count * sizeof(double) + shift), recv(send.size());
        const double mine = rank + 1;
        for (size_t i = 0; i < count; ++i) std::memcpy(send.data() + shift + i * sizeof mine, &mine, sizeof mine);
        EXPECT_EQ(collAllReduce(send.data() + shift, recv.data() + shift, count, collFloat64, collSum,
                                world_.handle(rank), nullptr),
                  collSuccess);
        for (size_t i = 0; i < count; ++i) {
          double sum = 0;
          std::memcpy(&sum, recv.data() + shift + i * sizeof sum, sizeof sum);
          EXPECT_EQ(sum, 6.0);
        }
      });
    }
  }
}

// One rank's NaN and infinity among ordinary numbers, through `codec`.
std::vector<float> sum_with_specials(World& world, collRedOp_t op, const char* spec) {
  std::vector<std::vector<float>> results(kRanks, std::vector<float>(1000));
  world.run([&](int rank, Communicator&) {
    std::vector<float> send(1000, 1);
    if (rank == 1) send[10] = kNan;
    if (rank == 2) send[500] = kInfinity;
    collCodec_t codec = nullptr;
    ASSERT_EQ(collCodecCreate(&codec, spec), collSuccess);
    EXPECT_EQ(collAllReduceCompressed(send.data(), results[static_cast<size_t>(rank)].data(), 1000, collFloat32, op,
                                      codec, world.handle(rank), nullptr),
              collSuccess);
    EXPECT_EQ(collCodecDestroy(codec), collSuccess);
  });
  for (const auto& result : results) EXPECT_EQ(std::memcmp(result.data(), results[0].data(), 4000), 0);
  return results[0];
}

TEST_F(Arguments, NanAndInfinityStayVisible) {
  for (const char* codec : {"none", "bf16", "fp16"}) {
    for (const collRedOp_t op : {collSum, collMax}) {
      const auto result = sum_with_specials(world_, op, codec);
      EXPECT_TRUE(std::isnan(result[10])) << codec;
      EXPECT_EQ(result[500], kInfinity) << codec;
      for (const size_t i : {9, 11, 499, 501}) EXPECT_EQ(result[i], op == collSum ? 3 : 1) << codec << " " << i;
    }
  }
}

TEST_F(Arguments, NanAndInfinityTakeTheirBlockAlong) {
  for (const char* codec : {"int8:block=32", "int4:block=32"}) {
    const auto result = sum_with_specials(world_, collSum, codec);
    EXPECT_FALSE(std::isfinite(result[10])) << codec;
    EXPECT_FALSE(std::isfinite(result[500])) << codec;
    size_t lost = 0;
    for (const float value : result) {
      if (!std::isfinite(value)) {
        ++lost;
      } else {
        EXPECT_NEAR(value, 3, 0.5) << codec;
      }
    }
    EXPECT_LE(lost, 2 * 32u) << codec;
  }
}

}  // namespace

}  // namespace coll::test
