// Host streams through the C API: calls return at once and complete in order, inside later calls of the library or on
// its progress thread: this runs with both.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/support/host_stream.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

namespace {

World quiet_world(const Placement& node_of, int timeout_ms = 60000) {
  WorldOptions options{node_of};
  options.edit = [timeout_ms](int, Config& config) {
    config.env.debug = "NONE";
    config.timeout_ms = timeout_ms;
  };
  return World(options);
}

TEST(Streams, CallsCompleteInOrder) {
  World world = quiet_world(one_node(3));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    const HostStream stream;
    // Each call takes the result of the one before: 3 to the power of the calls.
    constexpr int kCalls = 30;  // more than may be in flight
    std::vector<uint64_t> data(500, 1);
    for (int i = 0; i < kCalls; ++i) {
      ASSERT_EQ(
          collAllReduce(data.data(), data.data(), data.size(), collUint64, collSum, world.handle(rank), stream.get()),
          collSuccess);
    }
    ASSERT_EQ(collStreamSynchronize(stream.get()), collSuccess);
    uint64_t due = 1;
    for (int i = 0; i < kCalls; ++i) due *= 3;
    EXPECT_EQ(data.front(), due);
    EXPECT_EQ(data.back(), due);
    EXPECT_EQ(collStreamQuery(stream.get()), collSuccess);
  });
}

TEST(Streams, QueryTellsWhetherWorkIsPending) {
  World world = quiet_world(one_node(2));
  ASSERT_TRUE(world.ok()) << world.why();
  const HostStream stream;
  float mine = 1;
  const std::string words = collGetLastError(nullptr);
  EXPECT_EQ(collStreamQuery(stream.get()), collSuccess) << "nothing was enqueued";
  ASSERT_EQ(collAllReduce(&mine, &mine, 1, collFloat32, collSum, world.handle(0), stream.get()), collSuccess);
  EXPECT_EQ(collStreamQuery(stream.get()), collInProgress) << "the other rank has not called yet";
  EXPECT_EQ(collGetLastError(nullptr), words) << "pending is no failure";
  collResult_t async = collSuccess;
  EXPECT_EQ(collCommGetAsyncError(world.handle(0), &async), collSuccess);
  EXPECT_EQ(async, collInProgress);
  std::thread other([&] {
    float theirs = 2;
    EXPECT_EQ(collAllReduce(&theirs, &theirs, 1, collFloat32, collSum, world.handle(1), nullptr), collSuccess);
    EXPECT_EQ(theirs, 3);
  });
  collResult_t seen = collInProgress;
  const auto deadline = Clock::now() + std::chrono::seconds(30);
  while ((seen = collStreamQuery(stream.get())) == collInProgress && Clock::now() < deadline) std::this_thread::yield();
  other.join();
  EXPECT_EQ(seen, collSuccess);
  EXPECT_EQ(mine, 3);
  EXPECT_EQ(collCommGetAsyncError(world.handle(0), &async), collSuccess);
  EXPECT_EQ(async, collSuccess);
}

TEST(Streams, EveryFunctionCanBeEnqueued) {
  World world = quiet_world(blocks({2, 1}));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    const collComm_t comm = world.handle(rank);
    const HostStream stream;
    const std::vector<int32_t> send = {rank, 10 + rank, 20 + rank};
    std::vector<int32_t> sum(3), part(1), all(9), root = {rank, rank, rank};
    EXPECT_EQ(collBarrier(comm, stream.get()), collSuccess);
    EXPECT_EQ(collAllReduce(send.data(), sum.data(), 3, collInt32, collSum, comm, stream.get()), collSuccess);
    EXPECT_EQ(collReduceScatter(send.data(), part.data(), 1, collInt32, collMax, comm, stream.get()), collSuccess);
    EXPECT_EQ(collAllGather(send.data(), all.data(), 3, collInt32, comm, stream.get()), collSuccess);
    EXPECT_EQ(collBroadcast(root.data(), root.data(), 3, collInt32, 2, comm, stream.get()), collSuccess);
    ASSERT_EQ(collStreamSynchronize(stream.get()), collSuccess);
    EXPECT_EQ(sum, (std::vector<int32_t>{3, 33, 63}));
    EXPECT_EQ(part[0], 10 * rank + 2);
    EXPECT_EQ(all, (std::vector<int32_t>{0, 10, 20, 1, 11, 21, 2, 12, 22}));
    EXPECT_EQ(root, (std::vector<int32_t>{2, 2, 2}));
  });
}

// Two streams that the ranks fill in the same order but wait for in opposite orders.
TEST(Streams, WaitingForOneMovesTheOthersOn) {
  World world = quiet_world(one_node(2));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    const collComm_t comm = world.handle(rank);
    HostStream streams[2];
    std::vector<float> data[2] = {std::vector<float>(70000, 1), std::vector<float>(70000, 2)};
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(
          collAllReduce(data[i].data(), data[i].data(), data[i].size(), collFloat32, collSum, comm, streams[i].get()),
          collSuccess);
    }
    const int first = rank;
    EXPECT_EQ(collStreamSynchronize(streams[first].get()), collSuccess);
    EXPECT_EQ(collStreamSynchronize(streams[1 - first].get()), collSuccess);
    EXPECT_EQ(data[0].back(), 2);
    EXPECT_EQ(data[1].back(), 4);
  });
}

TEST(Streams, OneStreamServesSeveralCommunicators) {
  World a = quiet_world(one_node(2));
  World b = quiet_world(one_node(2));
  ASSERT_TRUE(a.ok() && b.ok()) << a.why() << b.why();
  a.run([&](int rank, Communicator&) {
    const HostStream stream;
    std::vector<double> x(1000, 1);
    for (int i = 0; i < 5; ++i) {
      ASSERT_EQ(collAllReduce(x.data(), x.data(), x.size(), collFloat64, collSum, a.handle(rank), stream.get()),
                collSuccess);
      ASSERT_EQ(collAllReduce(x.data(), x.data(), x.size(), collFloat64, collSum, b.handle(rank), stream.get()),
                collSuccess);
    }
    ASSERT_EQ(collStreamSynchronize(stream.get()), collSuccess);
    EXPECT_EQ(x[0], 1024);
    EXPECT_EQ(x[999], 1024);
  });
}

// Rank 1 never looks at its stream again: its blocking barrier on another communicator has to move it on.
TEST(Streams, BlockingCallsAdvanceStreams) {
  World a = quiet_world(one_node(2));
  World b = quiet_world(one_node(2));
  ASSERT_TRUE(a.ok() && b.ok()) << a.why() << b.why();
  a.run([&](int rank, Communicator&) {
    HostStream stream;
    std::vector<float> x(50000, 1);
    ASSERT_EQ(collAllReduce(x.data(), x.data(), x.size(), collFloat32, collSum, a.handle(rank), stream.get()),
              collSuccess);
    if (rank == 0) {
      EXPECT_EQ(collStreamSynchronize(stream.get()), collSuccess);
      EXPECT_EQ(collBarrier(b.handle(rank), nullptr), collSuccess);
    } else {
      EXPECT_EQ(collBarrier(b.handle(rank), nullptr), collSuccess);
      EXPECT_EQ(collStreamSynchronize(stream.get()), collSuccess);
    }
    EXPECT_EQ(x[0], 2);
  });
}

// A blocking call on a communicator that has work pending on a stream.
TEST(Streams, BlockingAndEnqueuedCallsShareACommunicator) {
  World world = quiet_world(one_node(3));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    const collComm_t comm = world.handle(rank);
    const HostStream stream;
    std::vector<int32_t> later(40000, 1);
    std::vector<int32_t> now(40000, 2);
    for (int i = 0; i < 4; ++i) {
      ASSERT_EQ(collAllReduce(later.data(), later.data(), later.size(), collInt32, collSum, comm, stream.get()),
                collSuccess);
      ASSERT_EQ(collAllReduce(now.data(), now.data(), now.size(), collInt32, collSum, comm, nullptr), collSuccess);
    }
    ASSERT_EQ(collStreamSynchronize(stream.get()), collSuccess);
    EXPECT_EQ(later[39999], 81);
    EXPECT_EQ(now[39999], 162);
  });
}

TEST(Streams, DestroyCompletesWhatIsPending) {
  World world = quiet_world(one_node(2));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    HostStream stream;
    std::vector<float> x(3000, 1);
    ASSERT_EQ(collAllReduce(x.data(), x.data(), x.size(), collFloat32, collSum, world.handle(rank), stream.get()),
              collSuccess);
    EXPECT_EQ(collStreamDestroy(stream.release()), collSuccess);
    EXPECT_EQ(x[2999], 2);
  });
}

TEST(Streams, FinalizeCompletesWhatIsPending) {
  World world = quiet_world(one_node(2));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    const HostStream stream;
    std::vector<float> x(3000, 1);
    ASSERT_EQ(collAllReduce(x.data(), x.data(), x.size(), collFloat32, collSum, world.handle(rank), stream.get()),
              collSuccess);
    EXPECT_EQ(collCommFinalize(world.handle(rank)), collSuccess);
    EXPECT_EQ(x[2999], 2);
    EXPECT_EQ(collStreamQuery(stream.get()), collSuccess);
  });
}

TEST(Streams, FailureSurfacesOnceWhenWaitedFor) {
  World world = quiet_world(one_node(2), 200);
  ASSERT_TRUE(world.ok()) << world.why();
  const HostStream stream;
  float mine = 1;
  const collComm_t comm = world.handle(0);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(collAllReduce(&mine, &mine, 1, collFloat32, collSum, comm, stream.get()), collSuccess);
  }
  EXPECT_EQ(collStreamSynchronize(stream.get()), collTimeout) << "rank 1 never calls";
  const std::string words = collGetLastError(nullptr);
  for (const char* part : {"collStreamSynchronize", "rank 1", "allreduce #0"}) {
    EXPECT_NE(words.find(part), std::string::npos) << words;
  }
  EXPECT_EQ(collStreamSynchronize(stream.get()), collSuccess) << "a failure is told once";
  collResult_t async = collSuccess;
  EXPECT_EQ(collCommGetAsyncError(comm, &async), collSuccess);
  EXPECT_EQ(async, collTimeout) << "the communicator stays failed";
  EXPECT_EQ(collAllReduce(&mine, &mine, 1, collFloat32, collSum, comm, stream.get()), collTimeout);
}

TEST(Streams, FailureSurfacesFromQueryAndDestroyToo) {
  for (const bool by_query : {true, false}) {
    World world = quiet_world(one_node(2), 100);
    ASSERT_TRUE(world.ok()) << world.why();
    HostStream stream;
    float mine = 1;
    ASSERT_EQ(collAllReduce(&mine, &mine, 1, collFloat32, collSum, world.handle(0), stream.get()), collSuccess);
    collResult_t result = collInProgress;
    const auto deadline = Clock::now() + std::chrono::seconds(30);
    while (by_query && result == collInProgress && Clock::now() < deadline) result = collStreamQuery(stream.get());
    if (!by_query) result = collStreamDestroy(stream.release());
    EXPECT_EQ(result, collTimeout);
  }
}

TEST(Streams, AbortEndsPendingWork) {
  World world = quiet_world(one_node(2));
  ASSERT_TRUE(world.ok()) << world.why();
  const HostStream stream;
  float mine = 1;
  ASSERT_EQ(collAllReduce(&mine, &mine, 1, collFloat32, collSum, world.handle(0), stream.get()), collSuccess);
  EXPECT_EQ(collCommAbort(world.handle(0)), collSuccess);
  EXPECT_EQ(collStreamSynchronize(stream.get()), collRemoteError);
  EXPECT_EQ(collBarrier(world.handle(1), nullptr), collRemoteError) << "the peer was told";
}

TEST(Streams, OtherHandlesAreRefused) {
  World world = quiet_world(one_node(1));
  float x = 1;
  const auto device_stream = reinterpret_cast<collStream_t>(uintptr_t{0x7f0000001000});
  const auto legacy_stream = reinterpret_cast<collStream_t>(uintptr_t{1});
  for (const collStream_t stream : {device_stream, legacy_stream}) {
    EXPECT_EQ(collAllReduce(&x, &x, 1, collFloat32, collSum, world.handle(0), stream), collUnsupported);
    EXPECT_EQ(collStreamSynchronize(stream), collUnsupported);
  }
  EXPECT_EQ(collStreamSynchronize(nullptr), collInvalidArgument);
  EXPECT_EQ(collStreamQuery(nullptr), collInvalidArgument);
  EXPECT_EQ(collStreamDestroy(nullptr), collInvalidArgument);
  EXPECT_EQ(collStreamCreate(nullptr), collInvalidArgument);
}

}  // namespace

}  // namespace coll::test
