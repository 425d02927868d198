// Calls in the order of a device's streams, over a device that is none: work is done behind the test's back, and the
// host faults where it touches device memory.
#include <atomic>
#include <chrono>
#include <deque>
#include <thread>

#include "tests/support/device_calls.hpp"

namespace coll::test {

namespace {

TEST_F(DeviceCalls, ReturnBeforeTheirStreamHasComeToThem) {
  for (const size_t count : {kShort, kLong}) {
    World world(options_for(one_node(2)));
    ASSERT_TRUE(world.ok()) << world.why();
    DeviceBuffer a(*device_, count * sizeof(float)), b(*device_, count * sizeof(float));
    fill(&a, 1);
    fill(&b, 2);
    const DeviceStream streams[] = {DeviceStream(*device_), DeviceStream(*device_)};
    device_->hold_all(true);
    ASSERT_EQ(all_reduce(a, a, world.handle(0), streams[0].get()), collSuccess) << collGetLastError(nullptr);
    ASSERT_EQ(all_reduce(b, b, world.handle(1), streams[1].get()), collSuccess) << collGetLastError(nullptr);
    collResult_t state = collSuccess;
    ASSERT_EQ(collCommGetAsyncError(world.handle(0), &state), collSuccess);
    EXPECT_EQ(state, collInProgress);
    device_->hold_all(false);
    for (const DeviceStream& stream : streams) ASSERT_TRUE(stream.synchronize().ok());
    expect_all(a, 3);
    expect_all(b, 3);
  }
}

TEST_F(DeviceCalls, HappenBetweenWhatTheirStreamHasBeforeAndAfterThem) {
  World world(options_for(one_node(1)));
  ASSERT_TRUE(world.ok()) << world.why();
  void* memory = nullptr;
  ASSERT_TRUE(device_->allocate_pinned(sizeof(uint32_t), &memory).ok());
  auto* const may_go = static_cast<uint32_t*>(memory);
  for (const size_t count : {kShort, kLong}) {
    const size_t bytes = count * sizeof(float);
    DeviceBuffer late(*device_, bytes), x(*device_, bytes), y(*device_, bytes), z(*device_, bytes);
    fill(&late, 7);
    for (DeviceBuffer* each : {&x, &y, &z}) fill(each, 1);
    const DeviceStream stream(*device_);
    std::atomic_ref<uint32_t>(*may_go).store(0);
    ASSERT_TRUE(device_->await_flag(stream.get(), may_go, 1).ok());
    ASSERT_TRUE(device_->copy(x.data(), late.data(), bytes, stream.get()).ok());
    ASSERT_EQ(all_reduce(x, y, world.handle(0), stream.get()), collSuccess) << collGetLastError(nullptr);
    ASSERT_TRUE(device_->copy(z.data(), y.data(), bytes, stream.get()).ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // for a call that would not wait
    collResult_t state = collSuccess;
    ASSERT_EQ(collCommGetAsyncError(world.handle(0), &state), collSuccess);
    EXPECT_EQ(state, collInProgress);
    std::atomic_ref<uint32_t>(*may_go).store(1);
    ASSERT_TRUE(stream.synchronize().ok());
    expect_all(y, 7);
    expect_all(z, 7);
  }
  ASSERT_TRUE(device_->release_pinned(memory).ok());
}

TEST_F(DeviceCalls, OfOneStreamCompleteInOrderWithWhatElseIsOnIt) {
  World world(options_for(blocks({2, 1})));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    const DeviceStream stream(*device_);
    constexpr int kRounds = 12;  // of two calls: more than may be in flight
    constexpr int kReset = 3;    // after so many rounds, floats would no longer be exact
    for (const size_t count : {kShort, kLong}) {
      DeviceBuffer x(*device_, count * sizeof(float)), y(*device_, count * sizeof(float));
      DeviceBuffer ones(*device_, count * sizeof(float));
      fill(&ones, 1);
      for (int i = 0; i < kRounds; ++i) {
        const size_t reset = i % kReset == 0 ? x.bytes() : 0;
        ASSERT_TRUE(device_->copy(x.data(), ones.data(), reset, stream.get()).ok());
        ASSERT_EQ(all_reduce(x, y, world.handle(rank), stream.get()), collSuccess) << collGetLastError(nullptr);
        ASSERT_EQ(all_reduce(y, y, world.handle(rank), stream.get()), collSuccess);
        ASSERT_TRUE(device_->copy(x.data(), y.data(), x.bytes(), stream.get()).ok());  // the program's own work
      }
      ASSERT_TRUE(stream.synchronize().ok());
      expect_all(x, 9 * 9 * 9);
    }
  });
}

TEST_F(DeviceCalls, OfManyStreamsAndCommunicatorsAreOnTheirWayAtOnce) {
  World first(options_for(one_node(2))), second(options_for(one_node(2)));
  ASSERT_TRUE(first.ok() && second.ok());
  run_threads(2, [&](int rank) {
    const DeviceStream streams[] = {DeviceStream(*device_), DeviceStream(*device_), DeviceStream(*device_)};
    DeviceBuffer x(*device_, kLong * sizeof(float)), y(*device_, kLong * sizeof(float)), z(*device_, kLong * 4);
    for (DeviceBuffer* each : {&x, &y, &z}) fill(each, 1);
    World* const order[] = {rank == 0 ? &first : &second, rank == 0 ? &second : &first};
    for (int i = 0; i < 2; ++i) {  // ranks call the two in different orders
      const DeviceBuffer& buffer = order[i] == &first ? x : y;
      ASSERT_EQ(all_reduce(buffer, buffer, order[i]->handle(rank), streams[order[i] == &first ? 0 : 1].get()),
                collSuccess);
    }
    // What comes on another stream waits for the first call's result.
    std::unique_ptr<DeviceMark> mark;
    ASSERT_TRUE(device_->make_mark(&mark).ok());
    ASSERT_TRUE(mark->set(streams[0].get()).ok());
    ASSERT_TRUE(mark->hold(streams[2].get()).ok());
    ASSERT_EQ(all_reduce(x, z, first.handle(rank), streams[2].get()), collSuccess);
    for (const DeviceStream& stream : streams) ASSERT_TRUE(stream.synchronize().ok());
    expect_all(x, 2);
    expect_all(y, 2);
    expect_all(z, 4);
  });
}

TEST_F(DeviceCalls, OfAGroupGoTogether) {
  World world(options_for(blocks({2, 1})));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    const DeviceStream stream(*device_);
    for (const size_t count : {kShort, kLong}) {
      const size_t bytes = count * sizeof(float);
      DeviceBuffer own(*device_, bytes), left(*device_, bytes), self(*device_, bytes), sum(*device_, bytes);
      fill(&own, static_cast<float>(rank + 1));
      const collComm_t comm = world.handle(rank);
      ASSERT_EQ(collGroupStart(), collSuccess);
      ASSERT_EQ(collSend(own.data(), count, collFloat32, (rank + 1) % 3, comm, stream.get()), collSuccess);
      ASSERT_EQ(collSend(own.data(), count, collFloat32, rank, comm, stream.get()), collSuccess);
      ASSERT_EQ(collRecv(left.data(), count, collFloat32, (rank + 2) % 3, comm, stream.get()), collSuccess);
      ASSERT_EQ(collRecv(self.data(), count, collFloat32, rank, comm, stream.get()), collSuccess);
      ASSERT_EQ(all_reduce(own, sum, comm, stream.get()), collSuccess);
      ASSERT_EQ(collGroupEnd(), collSuccess) << collGetLastError(nullptr);
      ASSERT_TRUE(stream.synchronize().ok());
      expect_all(left, static_cast<float>((rank + 2) % 3 + 1));
      expect_all(self, static_cast<float>(rank + 1));
      expect_all(sum, 6);
    }
  });
}

TEST_F(DeviceCalls, OfAGroupMayBeMoreThanAreInFlight) {
  World world(options_for(one_node(2)));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    constexpr size_t kCalls = 40, kEach = 10;
    const DeviceStream stream(*device_);
    DeviceBuffer x(*device_, kCalls * kEach * sizeof(float)), y(*device_, kCalls * kEach * sizeof(float));
    fill(&x, static_cast<float>(rank + 1));
    ASSERT_EQ(collGroupStart(), collSuccess);
    for (size_t i = 0; i < kCalls; ++i) {
      const size_t at = i * kEach * sizeof(float);
      ASSERT_EQ(
          collAllReduce(x.data() + at, y.data() + at, kEach, collFloat32, collSum, world.handle(rank), stream.get()),
          collSuccess);
    }
    ASSERT_EQ(collGroupEnd(), collSuccess) << collGetLastError(nullptr);
    ASSERT_TRUE(stream.synchronize().ok());
    expect_all(y, 3);
  });
}

TEST_F(DeviceCalls, OfAGroupMayReceiveBeforeTheySend) {
  World world(options_for(one_node(2)));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    const DeviceStream stream(*device_);
    for (const size_t count : {kShort, kLong}) {
      DeviceBuffer own(*device_, count * sizeof(float));
      DeviceBuffer first(*device_, count * sizeof(float)), second(*device_, count * sizeof(float));
      fill(&own, static_cast<float>(rank + 1));
      const collComm_t comm = world.handle(rank);
      ASSERT_EQ(collGroupStart(), collSuccess);
      for (const DeviceBuffer* into : {&first, &second}) {
        ASSERT_EQ(collRecv(into->data(), count, collFloat32, 1 - rank, comm, stream.get()), collSuccess);
      }
      for (int i = 0; i < 2; ++i) {
        ASSERT_EQ(collSend(own.data(), count, collFloat32, 1 - rank, comm, stream.get()), collSuccess);
      }
      ASSERT_EQ(collGroupEnd(), collSuccess) << collGetLastError(nullptr);
      ASSERT_TRUE(stream.synchronize().ok());
      expect_all(first, static_cast<float>(2 - rank));
      expect_all(second, static_cast<float>(2 - rank));
    }
  });
}

TEST_F(DeviceCalls, MeetCallsOnHostMemory) {
  World world(options_for(one_node(3)));
  ASSERT_TRUE(world.ok()) << world.why();
  for (const size_t count : {kShort, kLong}) {
    world.run([&](int rank, Communicator&) {
      std::vector<float> host(count, static_cast<float>(rank + 1));
      if (rank == 1) {
        DeviceBuffer buffer(*device_, count * sizeof(float));
        fill(&buffer, 2);
        const DeviceStream stream(*device_);
        ASSERT_EQ(all_reduce(buffer, buffer, world.handle(rank), stream.get()), collSuccess);
        ASSERT_TRUE(stream.synchronize().ok());
        host = floats(buffer);
      } else {
        ASSERT_EQ(collAllReduce(host.data(), host.data(), count, collFloat32, collSum, world.handle(rank), nullptr),
                  collSuccess);
      }
      for (const float value : host) ASSERT_EQ(value, 6);
    });
  }
}

TEST_F(DeviceCalls, TakeHostMemoryAndBarriersInTheOrderOfTheirStream) {
  World world(options_for(one_node(2)));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    const DeviceStream stream(*device_);
    DeviceBuffer result(*device_, kLong * sizeof(float));
    std::vector<float> host(kLong, 1);
    ASSERT_EQ(collBarrier(world.handle(rank), stream.get()), collSuccess);
    ASSERT_EQ(collAllReduce(nullptr, nullptr, 0, collFloat32, collSum, world.handle(rank), stream.get()), collSuccess);
    ASSERT_EQ(collAllReduce(host.data(), result.data(), kLong, collFloat32, collSum, world.handle(rank), stream.get()),
              collSuccess);
    ASSERT_EQ(collAllReduce(result.data(), host.data(), kLong, collFloat32, collMax, world.handle(rank), stream.get()),
              collSuccess);
    ASSERT_TRUE(stream.synchronize().ok());
    expect_all(result, 2);
    for (const float value : host) ASSERT_EQ(value, 2);
  });
}

TEST_F(DeviceCalls, ReadAScalarOnTheDevice) {
  World world(options_for(one_node(2)));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    const DeviceStream stream(*device_);
    DeviceBuffer scalar(*device_, sizeof(float)), x(*device_, kLong * sizeof(float));
    fill(&scalar, 0.5f);
    fill(&x, 3);
    collRedOp_t op{};
    ASSERT_EQ(collRedOpCreatePreMulSum(&op, scalar.data(), collFloat32, collScalarDevice, world.handle(rank)),
              collSuccess);
    ASSERT_EQ(collAllReduce(x.data(), x.data(), kLong, collFloat32, op, world.handle(rank), stream.get()), collSuccess);
    ASSERT_TRUE(stream.synchronize().ok());
    expect_all(x, 3);
    ASSERT_EQ(collRedOpDestroy(op, world.handle(rank)), collSuccess);
  });
}

TEST_F(DeviceCalls, OnTheDefaultStreamDoNotBlock) {
  World world(options_for(one_node(1)));
  ASSERT_TRUE(world.ok()) << world.why();
  for (const size_t count : {kShort, kLong}) {
    DeviceBuffer x(*device_, count * sizeof(float)), y(*device_, count * sizeof(float));
    fill(&x, 5);
    device_->hold_all(true);
    ASSERT_EQ(all_reduce(x, y, world.handle(0), nullptr), collSuccess) << collGetLastError(nullptr);
    device_->hold_all(false);
    ASSERT_TRUE(device_->synchronize(nullptr).ok());
    expect_all(y, 5);
  }
}

TEST_F(DeviceCalls, LeaveTheProgramItsShareOfTheDevice) {
  WorldOptions options = options_for(one_node(2));
  options.edit = [](int, Config& config) {
    config.env.max_ctas = 3;
    config.env.staged_bytes = kStagedBytes;
  };
  World world(options);
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    DeviceBuffer x(*device_, kLong * sizeof(float));
    const DeviceStream stream(*device_);
    ASSERT_EQ(all_reduce(x, x, world.handle(rank), stream.get()), collSuccess);
    ASSERT_TRUE(stream.synchronize().ok());
  });
  EXPECT_GT(device_->hops(), 0);
  EXPECT_GT(device_->prepared(), 0);
  EXPECT_EQ(device_->most_blocks(), 3);
}

// A thread that moves calls on must not wait inside the driver: whoever holds the driver's lock may wait for these
// calls.
TEST_F(DeviceCalls, AreMovedOnWithoutTheDriver) {
  World world(options_for(blocks({2, 1})));
  ASSERT_TRUE(world.ok()) << world.why();
  for (const size_t count : {kShort, kLong}) {
    const DeviceStream streams[] = {DeviceStream(*device_), DeviceStream(*device_), DeviceStream(*device_)};
    std::deque<DeviceBuffer> buffers;
    device_->take_callers();
    for (int rank = 0; rank < 3; ++rank) {
      DeviceBuffer& x = buffers.emplace_back(*device_, count * sizeof(float));
      fill(&x, 1);
      ASSERT_EQ(all_reduce(x, x, world.handle(rank), streams[rank].get()), collSuccess) << collGetLastError(nullptr);
    }
    for (const DeviceStream& stream : streams) ASSERT_TRUE(stream.synchronize().ok());
    for (const DeviceBuffer& x : buffers) expect_all(x, 3);
    EXPECT_EQ(device_->take_callers(), std::set{std::this_thread::get_id()});
  }
}

// One thread makes the calls of both ranks: it must not have to wait for the first rank's before it makes the second's.
TEST_F(DeviceCalls, GiveTheirStreamsNoMoreThanTheseTake) {
  WorldOptions options = options_for(one_node(2));
  options.edit = [](int, Config& config) {
    config.env.staged_bytes = 0;
    config.env.algo = "ring";
    config.env.chunk_bytes = 4096;
  };
  World world(options);
  ASSERT_TRUE(world.ok()) << world.why();
  struct Size {
    size_t count;
    bool on_device;
  };
  for (const Size& size : {Size{100'000, true}, Size{4'000'000, false}}) {
    DeviceBuffer x(*device_, size.count * sizeof(float)), y(*device_, size.count * sizeof(float));
    fill(&x, 1);
    fill(&y, 2);
    const DeviceStream streams[] = {DeviceStream(*device_), DeviceStream(*device_)};
    for (const size_t calls : {size_t{1}, size_t{12}}) {
      device_->take_longest_queue();
      device_->hold_all(true);
      const int hops = device_->hops();
      for (int rank = 0; rank < 2; ++rank) {
        const DeviceBuffer& own = rank == 0 ? x : y;
        ASSERT_EQ(collGroupStart(), collSuccess);
        for (size_t i = 0; i < calls; ++i) {
          const size_t part = own.bytes() / calls / sizeof(float);
          std::byte* const at = own.data() + i * part * sizeof(float);
          ASSERT_EQ(collAllReduce(at, at, part, collFloat32, collSum, world.handle(rank), streams[rank].get()),
                    collSuccess);
        }
        ASSERT_EQ(collGroupEnd(), collSuccess) << collGetLastError(nullptr);
      }
      EXPECT_EQ(device_->hops() > hops, size.on_device || calls > 1) << calls << " of " << size.count;
      EXPECT_LT(device_->take_longest_queue(), 1000u) << calls << " of " << size.count;
      device_->hold_all(false);
      for (const DeviceStream& stream : streams) ASSERT_TRUE(stream.synchronize().ok());
    }
  }
}

// CUDA_DEVICE_MAX_CONNECTIONS=1: what is given behind a wait, to whichever stream, waits with it.
TEST_F(DeviceCalls, EndWhereStreamsShareOneWayToTheDevice) {
  constexpr int kRanks = 4;
  device_->share_channels();
  for (const char* const algorithm : {"double_tree", "doubling", "ring", "direct"}) {
    World world(with(options_for(one_node(kRanks), false, 5000), [algorithm](int, Config& config) {
      config.env.algo = algorithm;
      config.env.chunk_bytes = kStagedBytes;  // more chunks than there are in flight
    }));
    ASSERT_TRUE(world.ok()) << world.why();
    world.run([&](int rank, Communicator&) {
      DeviceBuffer buffer(*device_, kLong * sizeof(float));
      const DeviceStream stream(*device_);
      fill(&buffer, 1);
      for (int turn = 0; turn < 3; ++turn) {
        ASSERT_EQ(all_reduce(buffer, buffer, world.handle(rank), stream.get()), collSuccess)
            << collGetLastError(nullptr);
      }
      ASSERT_TRUE(stream.synchronize().ok());
      expect_all(buffer, kRanks * kRanks * kRanks);
    });
  }
}

TEST_F(DeviceCalls, GiveBackWhatTheyTook) {
  size_t before = 0;
  for (int turn = 0; turn < 3; ++turn) {
    World world(options_for(one_node(2)));
    ASSERT_TRUE(world.ok()) << world.why();
    world.run([&](int rank, Communicator& communicator) {
      for (const size_t count : {kShort, kLong}) {
        DeviceBuffer x(*device_, count * sizeof(float));
        const DeviceStream stream(*device_);
        ASSERT_EQ(all_reduce(x, x, world.handle(rank), stream.get()), collSuccess);
        ASSERT_TRUE(stream.synchronize().ok());
      }
      size_t host = 0, device = 0;
      ASSERT_EQ(collCommMemUsage(world.handle(rank), &host, &device), collSuccess);
      EXPECT_EQ(host, communicator.memory_bytes());
      EXPECT_EQ(device, communicator.device_bytes());
      EXPECT_LT(host + device, size_t{96} << 20);
    });
    for (int rank = 0; rank < 2; ++rank) EXPECT_TRUE(world.communicator(rank).finalize().ok());
    if (turn == 0) before = device_->live();  // with the first communicators' lines, and the flags, which stay
  }
  EXPECT_LE(device_->live(), before);
}

}  // namespace

}  // namespace coll::test
