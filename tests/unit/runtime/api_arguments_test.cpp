// What the C API refuses, with which code and in which words.
#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "tests/support/world.hpp"

namespace coll::test {

namespace {

constexpr auto kBadType = static_cast<collDataType_t>(12);
constexpr auto kNegativeType = static_cast<collDataType_t>(-1);
constexpr auto kBadOp = static_cast<collRedOp_t>(5);

// A communicator of two ranks; calls with bad arguments never reach the other one.
class Arguments : public testing::Test {
 protected:
  Arguments() : world_({one_node(2)}), comm_(world_.handle(0)) {
    EXPECT_TRUE(world_.ok()) << world_.why();
    EXPECT_EQ(collCodecCreate(&int8_, "int8"), collSuccess);
  }
  ~Arguments() override { EXPECT_EQ(collCodecDestroy(int8_), collSuccess); }

  World world_;
  collComm_t comm_;
  collCodec_t int8_ = nullptr;
  float send_[64] = {};
  float recv_[64] = {};
};

// The words name the call and hold `part`.
void expect_words(const char* call, const char* part) {
  const std::string words = collGetLastError(nullptr);
  EXPECT_EQ(words.rfind(std::string(call) + ": ", 0), 0u) << words;
  EXPECT_NE(words.find(part), std::string::npos) << words;
}

#define EXPECT_REFUSED(call, code, part)        \
  do {                                          \
    SCOPED_TRACE(#call);                        \
    EXPECT_EQ(call, code);                      \
    expect_words(name_in(#call).c_str(), part); \
  } while (false)

std::string name_in(const char* expression) { return std::string(expression, std::strcspn(expression, "(")); }

TEST_F(Arguments, NullIsNamed) {
  constexpr auto kBad = collInvalidArgument;
  EXPECT_REFUSED(collAllReduce(nullptr, recv_, 4, collFloat32, collSum, comm_, nullptr), kBad, "send is NULL");
  EXPECT_REFUSED(collAllReduce(send_, nullptr, 4, collFloat32, collSum, comm_, nullptr), kBad, "recv is NULL");
  EXPECT_REFUSED(collAllReduce(send_, recv_, 4, collFloat32, collSum, nullptr, nullptr), kBad, "comm is NULL");
  EXPECT_REFUSED(collReduceScatter(nullptr, recv_, 4, collFloat32, collSum, comm_, nullptr), kBad, "send is NULL");
  EXPECT_REFUSED(collReduceScatter(send_, nullptr, 4, collFloat32, collSum, comm_, nullptr), kBad, "recv is NULL");
  EXPECT_REFUSED(collReduceScatter(send_, recv_, 4, collFloat32, collSum, nullptr, nullptr), kBad, "comm is NULL");
  EXPECT_REFUSED(collAllGather(nullptr, recv_, 4, collFloat32, comm_, nullptr), kBad, "send is NULL");
  EXPECT_REFUSED(collAllGather(send_, nullptr, 4, collFloat32, comm_, nullptr), kBad, "recv is NULL");
  EXPECT_REFUSED(collAllGather(send_, recv_, 4, collFloat32, nullptr, nullptr), kBad, "comm is NULL");
  EXPECT_REFUSED(collBroadcast(nullptr, recv_, 4, collFloat32, 0, comm_, nullptr), kBad, "send is NULL");
  EXPECT_REFUSED(collBroadcast(send_, nullptr, 4, collFloat32, 0, comm_, nullptr), kBad, "recv is NULL");
  EXPECT_REFUSED(collBroadcast(send_, recv_, 4, collFloat32, 0, nullptr, nullptr), kBad, "comm is NULL");
  EXPECT_REFUSED(collReduce(nullptr, recv_, 4, collFloat32, collSum, 0, comm_, nullptr), kBad, "send is NULL");
  EXPECT_REFUSED(collReduce(send_, nullptr, 4, collFloat32, collSum, 0, comm_, nullptr), kBad, "recv is NULL");
  EXPECT_REFUSED(collReduce(nullptr, recv_, 4, collFloat32, collSum, 1, comm_, nullptr), kBad, "send is NULL");
  EXPECT_REFUSED(collReduce(send_, recv_, 4, collFloat32, collSum, 0, nullptr, nullptr), kBad, "comm is NULL");
  EXPECT_REFUSED(collGather(nullptr, recv_, 4, collFloat32, 1, comm_, nullptr), kBad, "send is NULL");
  EXPECT_REFUSED(collGather(send_, nullptr, 4, collFloat32, 0, comm_, nullptr), kBad, "recv is NULL");
  EXPECT_REFUSED(collScatter(nullptr, recv_, 4, collFloat32, 0, comm_, nullptr), kBad, "send is NULL");
  EXPECT_REFUSED(collScatter(send_, nullptr, 4, collFloat32, 1, comm_, nullptr), kBad, "recv is NULL");
  EXPECT_REFUSED(collAlltoAll(nullptr, recv_, 4, collFloat32, comm_, nullptr), kBad, "send is NULL");
  EXPECT_REFUSED(collAlltoAll(send_, nullptr, 4, collFloat32, comm_, nullptr), kBad, "recv is NULL");
  EXPECT_REFUSED(collAlltoAll(send_, recv_, 4, collFloat32, nullptr, nullptr), kBad, "comm is NULL");
  EXPECT_REFUSED(collBarrier(nullptr, nullptr), kBad, "comm is NULL");
  EXPECT_REFUSED(collAllReduceCompressed(send_, recv_, 4, collFloat32, collSum, nullptr, comm_, nullptr), kBad,
                 "codec is NULL");
  EXPECT_REFUSED(collAllReduceCompressed(send_, recv_, 4, collFloat32, collSum, int8_, nullptr, nullptr), kBad,
                 "comm is NULL");
  EXPECT_REFUSED(collReduceScatterCompressed(send_, recv_, 4, collFloat32, collSum, nullptr, comm_, nullptr), kBad,
                 "codec is NULL");
  EXPECT_REFUSED(collAllGatherCompressed(send_, recv_, 4, collFloat32, nullptr, comm_, nullptr), kBad, "codec is NULL");
  EXPECT_REFUSED(collGetVersion(nullptr), kBad, "version is NULL");
  EXPECT_REFUSED(collGetUniqueId(nullptr), kBad, "id is NULL");
  EXPECT_REFUSED(collCommFinalize(nullptr), kBad, "comm is NULL");
  EXPECT_REFUSED(collCommAbort(nullptr), kBad, "comm is NULL");
  EXPECT_REFUSED(collCommGetAsyncError(comm_, nullptr), kBad, "async_error is NULL");
  EXPECT_REFUSED(collCommCount(comm_, nullptr), kBad, "count is NULL");
  EXPECT_REFUSED(collCommUserRank(comm_, nullptr), kBad, "rank is NULL");
  EXPECT_REFUSED(collCommCuDevice(comm_, nullptr), kBad, "device is NULL");
  EXPECT_REFUSED(collCommGetStats(comm_, nullptr), kBad, "stats is NULL");
  int unused = 0;
  collStats_t stats{};
  collResult_t async = collSuccess;
  EXPECT_REFUSED(collCommCount(nullptr, &unused), kBad, "comm is NULL");
  EXPECT_REFUSED(collCommUserRank(nullptr, &unused), kBad, "comm is NULL");
  EXPECT_REFUSED(collCommCuDevice(nullptr, &unused), kBad, "comm is NULL");
  EXPECT_REFUSED(collCommGetStats(nullptr, &stats), kBad, "comm is NULL");
  EXPECT_REFUSED(collCommGetAsyncError(nullptr, &async), kBad, "comm is NULL");
  EXPECT_REFUSED(collStreamSynchronize(nullptr), kBad, "stream is NULL");
  EXPECT_EQ(collCommDestroy(nullptr), collSuccess);
  EXPECT_EQ(collCodecDestroy(nullptr), collSuccess);
}

TEST_F(Arguments, BadTypesOperatorsAndRootsAreNamed) {
  constexpr auto kBad = collInvalidArgument;
  EXPECT_REFUSED(collAllReduce(send_, recv_, 4, kBadType, collSum, comm_, nullptr), kBad, "type is 12");
  EXPECT_REFUSED(collAllReduce(send_, recv_, 4, kNegativeType, collSum, comm_, nullptr), kBad, "type is -1");
  EXPECT_REFUSED(collAllReduce(send_, recv_, 4, collFloat32, kBadOp, comm_, nullptr), kBad, "op is 5");
  EXPECT_REFUSED(collReduceScatter(send_, recv_, 4, kBadType, collSum, comm_, nullptr), kBad, "type is 12");
  EXPECT_REFUSED(collReduceScatter(send_, recv_, 4, collFloat32, kBadOp, comm_, nullptr), kBad, "op is 5");
  EXPECT_REFUSED(collAllGather(send_, recv_, 4, kBadType, comm_, nullptr), kBad, "type is 12");
  EXPECT_REFUSED(collBroadcast(send_, recv_, 4, kBadType, 0, comm_, nullptr), kBad, "type is 12");
  EXPECT_REFUSED(collBroadcast(send_, recv_, 4, collFloat32, 2, comm_, nullptr), kBad, "root is 2; it must be 0 to 1");
  EXPECT_REFUSED(collBroadcast(send_, recv_, 4, collFloat32, -1, comm_, nullptr), kBad, "root is -1");
  EXPECT_REFUSED(collReduce(send_, recv_, 4, collFloat32, kBadOp, 0, comm_, nullptr), kBad, "op is 5");
  EXPECT_REFUSED(collReduce(send_, recv_, 4, collFloat32, collSum, 2, comm_, nullptr), kBad, "root is 2");
  EXPECT_REFUSED(collGather(send_, recv_, 4, collFloat32, -1, comm_, nullptr), kBad, "root is -1");
  EXPECT_REFUSED(collScatter(send_, recv_, 4, kBadType, 0, comm_, nullptr), kBad, "type is 12");
  EXPECT_REFUSED(collAlltoAll(send_, recv_, 4, kBadType, comm_, nullptr), kBad, "type is 12");
  EXPECT_REFUSED(collAllReduceCompressed(send_, recv_, 4, kBadType, collSum, int8_, comm_, nullptr), kBad,
                 "type is 12");
  EXPECT_REFUSED(collAllReduceCompressed(send_, recv_, 4, collFloat32, kBadOp, int8_, comm_, nullptr), kBad, "op is 5");
}

TEST_F(Arguments, CountsThatNoMemoryHoldsAreRefused) {
  constexpr auto kBad = collInvalidArgument;
  EXPECT_REFUSED(collAllReduce(send_, recv_, SIZE_MAX, collFloat32, collSum, comm_, nullptr), kBad,
                 "count is 18446744073709551615");
  EXPECT_REFUSED(collReduceScatter(send_, recv_, SIZE_MAX / 4, collFloat32, collSum, comm_, nullptr), kBad, "count");
  EXPECT_REFUSED(collAllGather(send_, recv_, SIZE_MAX / 8, collFloat64, comm_, nullptr), kBad, "count");
  EXPECT_REFUSED(collBroadcast(send_, recv_, SIZE_MAX, collInt8, 0, comm_, nullptr), kBad, "count");
}

TEST_F(Arguments, OverlapThatIsNotInPlaceIsRefused) {
  constexpr auto kBad = collInvalidArgument;
  EXPECT_REFUSED(collReduce(send_, send_ + 1, 4, collFloat32, collSum, 0, comm_, nullptr), kBad, "overlap");
  EXPECT_REFUSED(collGather(send_ + 4, send_, 4, collFloat32, 0, comm_, nullptr), kBad, "overlap");
  EXPECT_REFUSED(collScatter(send_, send_ + 4, 4, collFloat32, 0, comm_, nullptr), kBad, "overlap");
  EXPECT_REFUSED(collAlltoAll(send_, send_, 4, collFloat32, comm_, nullptr), kBad, "overlap");
  EXPECT_REFUSED(collAlltoAll(send_, send_ + 7, 4, collFloat32, comm_, nullptr), kBad, "overlap");
}

TEST_F(Arguments, CodecsThatDoNotFitAreUnsupported) {
  EXPECT_REFUSED(collAllReduceCompressed(send_, recv_, 4, collInt32, collSum, int8_, comm_, nullptr), collUnsupported,
                 "int32");
  EXPECT_REFUSED(collAllReduceCompressed(send_, recv_, 4, collFloat32, collProd, int8_, comm_, nullptr),
                 collUnsupported, "prod");
  EXPECT_REFUSED(collReduceScatterCompressed(send_, recv_, 4, collUint8, collSum, int8_, comm_, nullptr),
                 collUnsupported, "uint8");
  EXPECT_REFUSED(collAllGatherCompressed(send_, recv_, 4, collInt64, int8_, comm_, nullptr), collUnsupported, "int64");
}

TEST_F(Arguments, RefusalsDoNotHarmTheCommunicator) {
  EXPECT_EQ(collAllReduce(nullptr, recv_, 4, collFloat32, collSum, comm_, nullptr), collInvalidArgument);
  EXPECT_EQ(collAllReduceCompressed(send_, recv_, 4, collInt32, collSum, int8_, comm_, nullptr), collUnsupported);
  world_.run([&](int rank, Communicator&) {
    float x = 1;
    EXPECT_EQ(collAllReduce(&x, &x, 1, collFloat32, collSum, world_.handle(rank), nullptr), collSuccess);
    EXPECT_EQ(x, 2);
  });
}

TEST_F(Arguments, CountZeroSucceedsWithAnyPointers) {
  world_.run([&](int rank, Communicator&) {
    const collComm_t comm = world_.handle(rank);
    EXPECT_EQ(collAllReduce(nullptr, nullptr, 0, collFloat32, collSum, comm, nullptr), collSuccess);
    EXPECT_EQ(collReduceScatter(nullptr, nullptr, 0, collFloat32, collSum, comm, nullptr), collSuccess);
    EXPECT_EQ(collAllGather(nullptr, nullptr, 0, collFloat32, comm, nullptr), collSuccess);
    EXPECT_EQ(collBroadcast(nullptr, nullptr, 0, collFloat32, 1, comm, nullptr), collSuccess);
    EXPECT_EQ(collAllReduceCompressed(nullptr, nullptr, 0, collFloat32, collSum, int8_, comm, nullptr), collSuccess);
  });
}

TEST_F(Arguments, SendMayBeNullOffTheRoot) {
  world_.run([&](int rank, Communicator&) {
    float x = rank == 1 ? 42 : 0;
    const float* send = rank == 1 ? &x : nullptr;
    float got = 0;
    EXPECT_EQ(collBroadcast(send, &got, 1, collFloat32, 1, world_.handle(rank), nullptr), collSuccess);
    EXPECT_EQ(got, 42);
  });
}

TEST_F(Arguments, WhatIsNotTheirsMayBeNullOffTheRoot) {
  world_.run([&](int rank, Communicator&) {
    const collComm_t comm = world_.handle(rank);
    const bool root = rank == 1;
    const float own = static_cast<float>(rank) + 1;
    float got[2] = {};
    EXPECT_EQ(collReduce(&own, root ? got : nullptr, 1, collFloat32, collSum, 1, comm, nullptr), collSuccess);
    EXPECT_EQ(got[0], root ? 3 : 0);
    EXPECT_EQ(collGather(&own, root ? got : nullptr, 1, collFloat32, 1, comm, nullptr), collSuccess);
    EXPECT_EQ(got[1], root ? 2 : 0);
    const float parts[2] = {5, 6};
    EXPECT_EQ(collScatter(root ? parts : nullptr, got, 1, collFloat32, 1, comm, nullptr), collSuccess);
    EXPECT_EQ(got[0], parts[rank]);
    float blocks[2] = {};
    EXPECT_EQ(collAlltoAll(parts, blocks, 1, collFloat32, comm, nullptr), collSuccess);
    EXPECT_EQ(blocks[0], parts[rank]);
    EXPECT_EQ(blocks[1], parts[rank]);
  });
}

TEST_F(Arguments, StatsAndAccessors) {
  int count = 0;
  int rank = -1;
  int device = 0;
  EXPECT_EQ(collCommCount(comm_, &count), collSuccess);
  EXPECT_EQ(collCommUserRank(world_.handle(1), &rank), collSuccess);
  EXPECT_EQ(collCommCuDevice(comm_, &device), collSuccess);
  EXPECT_EQ(count, 2);
  EXPECT_EQ(rank, 1);
  EXPECT_EQ(device, -1);
  collStats_t stats{};
  EXPECT_EQ(collCommGetStats(comm_, &stats), collInvalidArgument) << "size is not set";
  expect_words("collCommGetStats", "sizeof(collStats_t)");
  struct {
    collStats_t stats{};
    char beyond = 'b';
  } older;
  older.stats.size = offsetof(collStats_t, sent_bytes);  // a program that knows less
  older.stats.sent_bytes = 77;
  EXPECT_EQ(collCommGetStats(comm_, &older.stats), collSuccess);
  EXPECT_EQ(older.stats.size, offsetof(collStats_t, sent_bytes));
  EXPECT_EQ(older.stats.sent_bytes, 77u);
  EXPECT_EQ(older.beyond, 'b');
}

TEST_F(Arguments, PlainCallsOnADefaultCodecStayExactWhereItDoesNotFit) {
  WorldOptions options{one_node(2)};
  options.edit = [](int, Config& config) { config.codec = "int8"; };
  World world(options);
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    const collComm_t comm = world.handle(rank);
    std::vector<float> x(256, 1.25f);
    std::vector<int32_t> i(256, 3);
    EXPECT_EQ(collAllReduce(x.data(), x.data(), x.size(), collFloat32, collSum, comm, nullptr), collSuccess);
    EXPECT_EQ(collAllReduce(i.data(), i.data(), i.size(), collInt32, collSum, comm, nullptr), collSuccess);
    EXPECT_EQ(collAllReduce(x.data(), x.data(), x.size(), collFloat32, collProd, comm, nullptr), collSuccess);
    EXPECT_EQ(collBroadcast(x.data(), x.data(), x.size(), collFloat32, 0, comm, nullptr), collSuccess);
    EXPECT_EQ(i[5], 6);
    collStats_t stats{};
    stats.size = sizeof(stats);
    ASSERT_EQ(collCommGetStats(comm, &stats), collSuccess);
    EXPECT_EQ(stats.calls, 4u);
    EXPECT_EQ(stats.compressed_calls, 1u);
    EXPECT_EQ(stats.exact_calls, 3u);
  });
}

// ---- Overlap ----------------------------------------------------------------------------------------------

TEST_F(Arguments, OverlapIsRefusedUnlessItIsInPlace) {
  constexpr auto kBad = collInvalidArgument;
  float* const x = send_;
  EXPECT_REFUSED(collAllReduce(x, x + 1, 8, collFloat32, collSum, comm_, nullptr), kBad, "overlap");
  EXPECT_REFUSED(collAllReduce(x + 7, x, 8, collFloat32, collSum, comm_, nullptr), kBad, "overlap");
  EXPECT_REFUSED(collBroadcast(x, x + 1, 8, collFloat32, 0, comm_, nullptr), kBad, "overlap");
  // Rank 0's part is at the start: elsewhere inside is an overlap.
  EXPECT_REFUSED(collReduceScatter(x, x + 8, 8, collFloat32, collSum, comm_, nullptr), kBad, "overlap");
  EXPECT_REFUSED(collReduceScatter(x, x + 15, 8, collFloat32, collSum, comm_, nullptr), kBad, "overlap");
  EXPECT_REFUSED(collAllGather(x + 8, x, 8, collFloat32, comm_, nullptr), kBad, "overlap");
  EXPECT_REFUSED(collAllGather(x + 15, x, 8, collFloat32, comm_, nullptr), kBad, "overlap");
  const auto bytes = reinterpret_cast<char*>(x);
  EXPECT_REFUSED(collAllReduce(bytes, bytes + 31, 8, collFloat32, collSum, comm_, nullptr), kBad, "overlap");
}

TEST_F(Arguments, InPlaceAndAdjacentAreFine) {
  world_.run([&](int rank, Communicator&) {
    const collComm_t comm = world_.handle(rank);
    std::vector<float> memory(64, 1);
    float* const x = memory.data();
    const auto own = static_cast<size_t>(rank) * 8;
    EXPECT_EQ(collAllReduce(x, x, 8, collFloat32, collSum, comm, nullptr), collSuccess);
    EXPECT_EQ(collAllReduce(x, x + 8, 8, collFloat32, collSum, comm, nullptr), collSuccess);
    EXPECT_EQ(collAllReduce(x + 8, x, 8, collFloat32, collSum, comm, nullptr), collSuccess);
    EXPECT_EQ(collReduceScatter(x, x + own, 8, collFloat32, collSum, comm, nullptr), collSuccess);
    EXPECT_EQ(collReduceScatter(x, x + 16, 8, collFloat32, collSum, comm, nullptr), collSuccess);
    EXPECT_EQ(collAllGather(x + own, x, 8, collFloat32, comm, nullptr), collSuccess);
    EXPECT_EQ(collAllGather(x + 16, x, 8, collFloat32, comm, nullptr), collSuccess);
    EXPECT_EQ(collBroadcast(x, x, 8, collFloat32, 0, comm, nullptr), collSuccess);
    // What overlaps off the root is not looked at.
    EXPECT_EQ(collBroadcast(rank == 0 ? x + 32 : x + 1, x, 8, collFloat32, 0, comm, nullptr), collSuccess);
  });
}

// ---- Words ------------------------------------------------------------------------------------------------

TEST(ErrorStrings, EveryCodeHasItsOwn) {
  std::set<std::string> seen;
  for (int code = 0; code < collNumResults; ++code) {
    const char* const words = collGetErrorString(static_cast<collResult_t>(code));
    ASSERT_NE(words, nullptr);
    EXPECT_GT(std::strlen(words), 4u);
    seen.insert(words);
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(collNumResults));
  for (const int code : {-1, 11, 1000}) {
    const char* const words = collGetErrorString(static_cast<collResult_t>(code));
    ASSERT_NE(words, nullptr);
    EXPECT_EQ(seen.count(words), 0u) << words;
  }
}

TEST(ErrorStrings, LastErrorBelongsToTheThread) {
  EXPECT_EQ(collGetVersion(nullptr), collInvalidArgument);
  EXPECT_STRNE(collGetLastError(nullptr), "");
  std::thread([] { EXPECT_STREQ(collGetLastError(nullptr), ""); }).join();
}

TEST(ErrorStrings, VersionIsThatOfTheHeader) {
  int version = 0;
  EXPECT_EQ(collGetVersion(&version), collSuccess);
  EXPECT_EQ(version, COLL_VERSION_CODE);
}

TEST(ErrorStrings, PoisonedCommunicatorSaysWhyToAnyThread) {
  WorldOptions options{one_node(2)};
  options.edit = [](int, Config& config) {
    config.env.debug = "NONE";
    config.timeout_ms = 100;
  };
  World world(options);
  ASSERT_TRUE(world.ok()) << world.why();
  const collComm_t comm = world.handle(0);
  EXPECT_EQ(collBarrier(comm, nullptr), collTimeout);
  std::thread([comm] {
    const std::string words = collGetLastError(comm);
    EXPECT_NE(words.find("rank 1"), std::string::npos) << words;
    EXPECT_NE(words.find("barrier #0"), std::string::npos) << words;
    float x = 1;
    EXPECT_EQ(collAllReduce(&x, &x, 1, collFloat32, collSum, comm, nullptr), collTimeout);
  }).join();
}

}  // namespace

}  // namespace coll::test
