// Operators that multiply a rank's data before they sum.
#include <gtest/gtest.h>

#include "tests/support/elements.hpp"
#include "tests/support/host_stream.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

namespace {

constexpr int kRanks = 3;

World world_of(int check) {
  WorldOptions options{one_node(kRanks), true};
  options.edit = [check](int, Config& config) {
    config.env.debug = "NONE";
    config.check = check;
  };
  return World(options);
}

Bytes numbers(DataType type, const std::vector<int64_t>& values) {
  return info(type).is_float ? from_doubles(type, {values.begin(), values.end()}) : from_integers(type, values);
}

// Small integers, which every type holds: rank r's scalar is r + 1.
int64_t value_at(int rank, size_t i) { return static_cast<int64_t>(i % 3) + (rank == 1 ? 1 : 0); }
int64_t sum_at(size_t i) {
  int64_t sum = 0;
  for (int rank = 0; rank < kRanks; ++rank) sum += (rank + 1) * value_at(rank, i);
  return sum;
}

std::vector<int64_t> list_of(size_t begin, size_t count, const std::function<int64_t(size_t)>& at) {
  std::vector<int64_t> values;
  for (size_t i = begin; i < begin + count; ++i) values.push_back(at(i));
  return values;
}

TEST(PreMulSum, MultipliesThenSumsForEveryTypeAndFunction) {
  for (const int check : {0, 1, 2}) {
    World world = world_of(check);
    ASSERT_TRUE(world.ok()) << world.why();
    world.run([&](int rank, Communicator&) {
      const collComm_t comm = world.handle(rank);
      for (int number = 0; number < collNumTypes; ++number) {
        const auto type = static_cast<DataType>(number);
        for (const auto residence : {collScalarHostImmediate, collScalarDevice}) {
          Bytes scalar = numbers(type, {rank + 1});
          collRedOp_t op = collSum;
          ASSERT_EQ(collRedOpCreatePreMulSum(&op, scalar.data(), type, residence, comm), collSuccess);
          EXPECT_GE(op, collNumOps);
          if (residence == collScalarHostImmediate) std::fill(scalar.begin(), scalar.end(), std::byte{0x7f});
          for (const size_t count : {size_t{1}, size_t{1303}, size_t{50001}}) {
            const auto own = [&](size_t i) { return value_at(rank, i); };
            Bytes data = numbers(type, list_of(0, count, own));
            Bytes got(data.size());
            ASSERT_EQ(collAllReduce(data.data(), got.data(), count, type, op, comm, nullptr), collSuccess);
            EXPECT_TRUE(got == numbers(type, list_of(0, count, sum_at))) << info(type).name << " " << count;
            EXPECT_TRUE(data == numbers(type, list_of(0, count, own))) << "the input stays";
            ASSERT_EQ(collReduce(data.data(), data.data(), count, type, op, 1, comm, nullptr), collSuccess);
            EXPECT_TRUE(data == numbers(type, rank == 1 ? list_of(0, count, sum_at) : list_of(0, count, own)));
            Bytes blocks = numbers(type, list_of(0, kRanks * count, own));
            const size_t begin = static_cast<size_t>(rank) * count;
            ASSERT_EQ(collReduceScatter(blocks.data(), got.data(), count, type, op, comm, nullptr), collSuccess);
            EXPECT_TRUE(got == numbers(type, list_of(begin, count, sum_at))) << info(type).name << " " << count;
          }
          EXPECT_EQ(collRedOpDestroy(op, comm), collSuccess);
        }
      }
    });
  }
}

TEST(PreMulSum, ReadsWhatTheStreamMade) {
  World world = world_of(1);
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    const collComm_t comm = world.handle(rank);
    const HostStream stream;
    float half = 0.5f;
    collRedOp_t op = collSum;
    ASSERT_EQ(collRedOpCreatePreMulSum(&op, &half, collFloat32, collScalarHostImmediate, comm), collSuccess);
    float x = 2;
    ASSERT_EQ(collAllReduce(&x, &x, 1, collFloat32, collSum, comm, stream.get()), collSuccess);
    ASSERT_EQ(collAllReduce(&x, &x, 1, collFloat32, op, comm, stream.get()), collSuccess);
    ASSERT_EQ(collRedOpDestroy(op, comm), collSuccess) << "calls that were made keep it";
    ASSERT_EQ(collStreamSynchronize(stream.get()), collSuccess);
    EXPECT_EQ(x, 9);
  });
}

TEST(PreMulSum, RefusesWhatItWasNotMadeFor) {
  World world = world_of(1);
  ASSERT_TRUE(world.ok()) << world.why();
  const collComm_t comm = world.handle(0);
  float x = 2;
  collRedOp_t op = collSum;
  EXPECT_EQ(collRedOpCreatePreMulSum(&op, nullptr, collFloat32, collScalarHostImmediate, comm), collInvalidArgument);
  EXPECT_EQ(collRedOpCreatePreMulSum(&op, &x, collFloat32, static_cast<collScalarResidence_t>(2), comm),
            collInvalidArgument);
  EXPECT_EQ(collRedOpDestroy(collSum, comm), collInvalidArgument);
  ASSERT_EQ(collRedOpCreatePreMulSum(&op, &x, collFloat32, collScalarHostImmediate, comm), collSuccess);
  int32_t n = 1;
  EXPECT_EQ(collAllReduce(&n, &n, 1, collInt32, op, comm, nullptr), collInvalidArgument);
  EXPECT_NE(std::string(collGetLastError(nullptr)).find("was made for float"), std::string::npos);
  EXPECT_EQ(collAllReduce(&x, &x, 1, collFloat32, op, world.handle(1), nullptr), collInvalidArgument) << "of another";
  EXPECT_EQ(collRedOpDestroy(op, comm), collSuccess);
  EXPECT_EQ(collRedOpDestroy(op, comm), collInvalidArgument);
  EXPECT_EQ(collAllReduce(&x, &x, 1, collFloat32, op, comm, nullptr), collInvalidArgument) << "destroyed";
}

}  // namespace

}  // namespace coll::test
