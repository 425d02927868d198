// The progress thread: streams complete while the program calls nothing. A communicator's pending() only looks.
#include <gtest/gtest.h>
#include <sched.h>

#include <filesystem>
#include <set>

#include "runtime/backoff.hpp"
#include "runtime/communicator.hpp"
#include "tests/support/host_stream.hpp"
#include "tests/support/own_thread_transport.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

namespace {

WorldOptions options_with(const std::string& progress, const Placement& node_of, int timeout_ms = 60000) {
  WorldOptions options{node_of};
  options.edit = [=](int, Config& config) {
    config.env.debug = "NONE";
    config.env.progress = progress;
    config.timeout_ms = timeout_ms;
  };
  return options;
}

World world_with(const std::string& progress, const Placement& node_of, int timeout_ms = 60000) {
  return World(options_with(progress, node_of, timeout_ms));
}

// Waits without a call of the library; false after half a minute.
bool completes(const Communicator& communicator) {
  const auto deadline = Clock::now() + std::chrono::seconds(30);
  while (communicator.pending() && Clock::now() < deadline) std::this_thread::sleep_for(std::chrono::microseconds(100));
  return !communicator.pending();
}

size_t threads_of_process() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<size_t>(std::distance(begin(tasks), end(tasks)));
}

collResult_t all_reduce(std::vector<float>* x, collComm_t comm, const HostStream& stream) {
  return collAllReduce(x->data(), x->data(), x->size(), collFloat32, collSum, comm, stream.get());
}

TEST(ProgressThread, CompletesWhatTheProgramOnlyEnqueued) {
  for (const bool shm : {false, true}) {
    WorldOptions options = options_with("on", one_node(3));
    options.shm = shm;
    World world(options);
    ASSERT_TRUE(world.ok()) << world.why();
    const HostStream streams[3];
    std::vector<float> x[3];
    for (int rank = 0; rank < 3; ++rank) {
      const auto r = static_cast<size_t>(rank);
      x[r].assign(300000, static_cast<float>(rank + 1));
      ASSERT_EQ(all_reduce(&x[r], world.handle(rank), streams[rank]), collSuccess);
    }
    for (int rank = 0; rank < 3; ++rank) {
      ASSERT_TRUE(completes(world.communicator(rank))) << rank;
      EXPECT_EQ(x[rank].front(), 6);
      EXPECT_EQ(x[rank].back(), 6);
      EXPECT_EQ(collStreamQuery(streams[rank].get()), collSuccess);
    }
  }
}

TEST(ProgressThread, KeepsTheOrderOfAStream) {
  World world = world_with("on", one_node(2));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator& communicator) {
    const HostStream stream;
    constexpr int kCalls = 30;  // more than may be in flight
    std::vector<uint64_t> data(5000, 1);
    for (int i = 0; i < kCalls; ++i) {
      ASSERT_EQ(
          collAllReduce(data.data(), data.data(), data.size(), collUint64, collSum, world.handle(rank), stream.get()),
          collSuccess);
    }
    ASSERT_TRUE(completes(communicator));
    EXPECT_EQ(data.front(), uint64_t{1} << kCalls);
    EXPECT_EQ(data.back(), uint64_t{1} << kCalls);
  });
}

TEST(ProgressThread, ServesManyStreamsAndCommunicators) {
  constexpr int kStreams = 4;
  World worlds[] = {world_with("on", one_node(2)), world_with("on", blocks({1, 1})), world_with("on", one_node(2))};
  for (const World& world : worlds) ASSERT_TRUE(world.ok()) << world.why();
  worlds[0].run([&](int rank, Communicator&) {
    const HostStream streams[kStreams];
    std::vector<float> data[kStreams];
    for (std::vector<float>& each : data) each.assign(3000, 1);
    for (int i = 0; i < 5; ++i) {
      for (int s = 0; s < kStreams; ++s) {
        for (World& world : worlds) ASSERT_EQ(all_reduce(&data[s], world.handle(rank), streams[s]), collSuccess);
      }
    }
    for (World& world : worlds) ASSERT_TRUE(completes(world.communicator(rank)));
    for (const std::vector<float>& each : data) EXPECT_EQ(each[2999], 1 << 15);
  });
}

// Blocking calls of the program, which take over from the thread, and others that it finishes in between.
TEST(ProgressThread, GivesWayToTheProgram) {
  World world = world_with("on", one_node(2));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator& communicator) {
    const collComm_t comm = world.handle(rank);
    const HostStream stream;
    std::vector<float> later(20000, 1), now(20000, 1);
    for (int i = 0; i < 8; ++i) {
      ASSERT_EQ(all_reduce(&later, comm, stream), collSuccess);
      ASSERT_EQ(collAllReduce(now.data(), now.data(), now.size(), collFloat32, collSum, comm, nullptr), collSuccess);
      if (i % 4 == 1) {
        ASSERT_TRUE(completes(communicator));
      }
      if (i % 4 == 3) {
        ASSERT_EQ(collStreamSynchronize(stream.get()), collSuccess);
      }
    }
    EXPECT_EQ(later[19999], 256);
    EXPECT_EQ(now[19999], 256);
    collStats_t stats = communicator.stats();
    EXPECT_EQ(stats.calls, 16u);
  });
}

TEST(ProgressThread, TimesOutWhileTheProgramComputes) {
  World world = world_with("on", one_node(2), 200);
  ASSERT_TRUE(world.ok()) << world.why();
  const HostStream stream;
  std::vector<float> x(10, 1);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(all_reduce(&x, world.handle(0), stream), collSuccess);
  ASSERT_TRUE(completes(world.communicator(0)));
  EXPECT_EQ(collStreamQuery(stream.get()), collTimeout);
  EXPECT_NE(std::string(collGetLastError(nullptr)).find("rank 1 has not joined"), std::string::npos)
      << collGetLastError(nullptr);
  EXPECT_EQ(all_reduce(&x, world.handle(0), stream), collTimeout) << "the communicator stays failed";
}

TEST(ProgressThread, AbortEndsWhatItWorksOn) {
  for (int i = 0; i < 10; ++i) {
    World world = world_with("on", one_node(2));
    ASSERT_TRUE(world.ok()) << world.why();
    const HostStream stream;
    std::vector<float> x(10, 1);
    ASSERT_EQ(all_reduce(&x, world.handle(0), stream), collSuccess);
    if (i % 2 == 1) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the thread is at it
    EXPECT_EQ(collCommAbort(world.handle(0)), collSuccess);
    ASSERT_TRUE(completes(world.communicator(0)));
    EXPECT_EQ(collStreamSynchronize(stream.get()), collRemoteError);
    EXPECT_EQ(collBarrier(world.handle(1), nullptr), collRemoteError) << "the peer was told";
  }
}

TEST(ProgressThread, StreamsAndCommunicatorsEndUnderIt) {
  for (int i = 0; i < 20; ++i) {
    World world = world_with("on", one_node(2));
    ASSERT_TRUE(world.ok()) << world.why();
    world.run([&](int rank, Communicator& communicator) {
      std::vector<float> x(30000, 1), y(30, 1);
      HostStream first, second;
      ASSERT_EQ(all_reduce(&x, world.handle(rank), first), collSuccess);
      ASSERT_EQ(all_reduce(&y, world.handle(rank), second), collSuccess);
      EXPECT_EQ(collStreamDestroy(first.release()), collSuccess);
      EXPECT_EQ(communicator.finalize().code(), collSuccess);
      EXPECT_EQ(x[29999] + y[29], 4);
    });
  }
}

TEST(ProgressThread, RunsFromTheFirstCallOnAStreamToTheEnd) {
  const size_t before = threads_of_process();
  {
    World world = world_with("on", one_node(1));
    const HostStream stream;
    std::vector<float> x(10, 1);
    ASSERT_EQ(collAllReduce(x.data(), x.data(), 10, collFloat32, collSum, world.handle(0), nullptr), collSuccess);
    EXPECT_EQ(threads_of_process(), before) << "no stream was used yet";
    ASSERT_EQ(all_reduce(&x, world.handle(0), stream), collSuccess);
    EXPECT_EQ(threads_of_process(), before + 1);
    ASSERT_TRUE(completes(world.communicator(0)));
  }
  EXPECT_EQ(threads_of_process(), before);
}

TEST(ProgressThread, IsThereWhereTheMachineHasRoom) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  for (const int nranks : {1, 2, 3}) {
    World by_room = world_with("auto", one_node(nranks));
    World never = world_with("off", one_node(nranks));
    ASSERT_TRUE(by_room.ok() && never.ok()) << by_room.why() << never.why();
    EXPECT_EQ(by_room.communicator(0).progress_thread_allowed(), CPU_COUNT(&allowed) > nranks);
    EXPECT_FALSE(never.communicator(0).progress_thread_allowed());
  }
}

// A transport that only the program's threads may call, as MPI's often is, and a communicator without such behind it.
TEST(ProgressThread, LeavesTransportsAloneThatAreNotForIt) {
  auto visitors = std::make_shared<ThreadIds>();
  WorldOptions options = options_with("on", one_node(2));
  options.wrap = [&](int, std::unique_ptr<Transport> real) {
    return std::make_unique<OwnThreadTransport>(std::move(real), visitors);
  };
  World own(options);
  World any = world_with("on", one_node(2));
  ASSERT_TRUE(own.ok() && any.ok()) << own.why() << any.why();
  const std::set<std::thread::id> makers = visitors->take();
  std::mutex mutex;
  std::set<std::thread::id> ranks;
  own.run([&](int rank, Communicator& communicator) {
    {
      const std::lock_guard lock(mutex);
      ranks.insert(std::this_thread::get_id());
    }
    const HostStream mixed, other;
    std::vector<float> x(1000, 1), y(1000, 1);
    ASSERT_EQ(all_reduce(&x, own.handle(rank), mixed), collSuccess);
    ASSERT_EQ(all_reduce(&x, any.handle(rank), mixed), collSuccess);
    ASSERT_EQ(all_reduce(&y, any.handle(rank), other), collSuccess);
    // Until its own communicator is done; what comes after it on the stream is the thread's again.
    Backoff backoff(true);
    while (communicator.pending()) {
      ASSERT_NE(collStreamQuery(mixed.get()), collTimeout);
      backoff.pause(false);
    }
    ASSERT_TRUE(completes(any.communicator(rank)));
    EXPECT_EQ(x[999], 4);
    EXPECT_EQ(y[999], 2);
  });
  for (const std::thread::id& visitor : visitors->take()) EXPECT_TRUE(ranks.contains(visitor));
}

}  // namespace

}  // namespace coll::test
