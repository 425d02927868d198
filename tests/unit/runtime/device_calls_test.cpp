// Calls in the order of a device's streams, over a device that is none: work is done behind the test's back, and the
// host faults where it touches device memory.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "tests/support/async_device.hpp"
#include "tests/support/device_buffer.hpp"
#include "tests/support/own_thread_transport.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

namespace {

constexpr size_t kShort = 1000;    // floats that are staged
constexpr size_t kLong = 300'007;  // ... that stay on the device

class DeviceCalls : public testing::Test {
 protected:
  static WorldOptions options_for(const Placement& node_of, bool shm = true, int timeout_ms = 60000) {
    WorldOptions options{node_of, shm};
    options.edit = [timeout_ms](int, Config& config) {
      config.env.debug = "NONE";
      config.timeout_ms = timeout_ms;
    };
    return options;
  }

  std::vector<float> floats(const DeviceBuffer& buffer) const {
    const Bytes bytes = buffer.get();
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
    return values;
  }
  static void fill(DeviceBuffer* buffer, float value) {
    const std::vector<float> values(buffer->bytes() / sizeof(float), value);
    buffer->put(reinterpret_cast<const std::byte*>(values.data()), buffer->bytes());
  }
  void expect_all(const DeviceBuffer& buffer, float due) const {
    for (const float value : floats(buffer)) ASSERT_EQ(value, due);
  }

  const TestDevices devices_;
  AsyncDevice* const device_ = static_cast<AsyncDevice*>(Process::acquire()->devices().operations());
};

collResult_t all_reduce(const DeviceBuffer& send, const DeviceBuffer& recv, collComm_t comm, collStream_t stream) {
  return collAllReduce(send.data(), recv.data(), send.bytes() / sizeof(float), collFloat32, collSum, comm, stream);
}

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

TEST_F(DeviceCalls, AreRefusedWhereNobodyCouldRunThem) {
  const auto words = [] { return std::string(collGetLastError(nullptr)); };
  World world(options_for(one_node(1)));
  ASSERT_TRUE(world.ok()) << world.why();
  DeviceBuffer x(*device_, kShort * sizeof(float));
  const DeviceStream stream(*device_);
  const collComm_t comm = world.handle(0);

  device_->capture(stream.get(), true);
  EXPECT_EQ(all_reduce(x, x, comm, stream.get()), collInvalidUsage);
  EXPECT_NE(words().find("captured into a graph"), std::string::npos) << words();
  device_->capture(stream.get(), false);
  EXPECT_EQ(all_reduce(x, x, comm, stream.get()), collSuccess) << words();
  int at = -1;
  EXPECT_EQ(collCommCuDevice(comm, &at), collSuccess);
  EXPECT_EQ(at, 0);

  collStream_t host_stream = nullptr;
  ASSERT_EQ(collStreamCreate(&host_stream), collSuccess);
  EXPECT_EQ(all_reduce(x, x, comm, host_stream), collInvalidArgument);
  EXPECT_NE(words().find("pass a CUDA stream"), std::string::npos) << words();
  ASSERT_EQ(collStreamDestroy(host_stream), collSuccess);
  EXPECT_EQ(collStreamSynchronize(stream.get()), collInvalidArgument);

  std::vector<float> elsewhere(kShort);
  device_->own(elsewhere.data(), kShort * sizeof(float), MemoryKind::kDevice, 1);
  EXPECT_EQ(collAllReduce(x.data(), elsewhere.data(), kShort, collFloat32, collSum, comm, stream.get()),
            collInvalidArgument);
  EXPECT_NE(words().find("device 1"), std::string::npos) << words();
  EXPECT_EQ(collAllReduce(elsewhere.data(), elsewhere.data(), kShort, collFloat32, collSum, comm, stream.get()),
            collInvalidArgument);
  EXPECT_NE(words().find("make a communicator for each device"), std::string::npos) << words();
  device_->disown(elsewhere.data());
  ASSERT_TRUE(stream.synchronize().ok());
}

TEST_F(DeviceCalls, NeedSomebodyWhoMovesThemOn) {
  DeviceBuffer x(*device_, kShort * sizeof(float));
  const DeviceStream stream(*device_);
  WorldOptions off = options_for(one_node(1));
  off.edit = [](int, Config& config) { config.env.progress = "off"; };
  World without_thread(off);
  EXPECT_EQ(all_reduce(x, x, without_thread.handle(0), stream.get()), collInvalidUsage);
  EXPECT_NE(std::string(collGetLastError(nullptr)).find("COLL_PROGRESS"), std::string::npos);

  WorldOptions own = options_for(one_node(2), false);
  const auto callers = std::make_shared<ThreadIds>();
  own.wrap = [callers](int, std::unique_ptr<Transport> real) {
    return std::make_unique<OwnThreadTransport>(std::move(real), callers);
  };
  World of_one_thread(own);
  ASSERT_TRUE(of_one_thread.ok()) << of_one_thread.why();
  EXPECT_EQ(all_reduce(x, x, of_one_thread.handle(0), stream.get()), collInvalidUsage);
  EXPECT_NE(std::string(collGetLastError(nullptr)).find("MPI_THREAD_MULTIPLE"), std::string::npos);
}

TEST_F(DeviceCalls, EndWithAnErrorWhenAPeerGivesUp) {
  for (const size_t count : {kShort, kLong}) {
    World world(options_for(one_node(2)));
    ASSERT_TRUE(world.ok()) << world.why();
    DeviceBuffer x(*device_, count * sizeof(float));
    fill(&x, 1);
    const DeviceStream stream(*device_);
    ASSERT_EQ(all_reduce(x, x, world.handle(0), stream.get()), collSuccess);
    ASSERT_EQ(all_reduce(x, x, world.handle(0), stream.get()), collSuccess);
    ASSERT_EQ(collCommAbort(world.handle(1)), collSuccess);
    EXPECT_TRUE(stream.synchronize().ok());  // the stream goes on
    collResult_t state = collSuccess;
    ASSERT_EQ(collCommGetAsyncError(world.handle(0), &state), collSuccess);
    EXPECT_EQ(state, collRemoteError);
    EXPECT_EQ(all_reduce(x, x, world.handle(0), stream.get()), collRemoteError);

    World anew(options_for(one_node(2)));
    ASSERT_TRUE(anew.ok()) << anew.why();
    anew.run([&](int rank, Communicator&) {
      DeviceBuffer y(*device_, count * sizeof(float));
      fill(&y, 1);
      const DeviceStream other(*device_);
      ASSERT_EQ(all_reduce(y, y, anew.handle(rank), other.get()), collSuccess);
      ASSERT_TRUE(other.synchronize().ok());
      expect_all(y, 2);
    });
  }
}

// As MPI: what has been posted may still be written to after a failure.
class LastingTransport final : public Transport {
 public:
  explicit LastingTransport(std::unique_ptr<Transport> real) : real_(std::move(real)) {}
  std::string_view name() const override { return real_->name(); }
  bool reaches(int peer) const override { return real_->reaches(peer); }
  Status send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) override {
    return real_->send(peer, tag, message, request);
  }
  Status receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) override {
    return real_->receive(peer, tag, buffer, request);
  }
  Status progress(bool* moved) override { return real_->progress(moved); }
  Status send_control(int peer, const Control& control) override { return real_->send_control(peer, control); }
  bool poll_control(Control* control) override { return real_->poll_control(control); }
  bool abandon() override { return static_cast<void>(real_->abandon()), true; }
  bool any_thread() const override { return true; }

 private:
  std::unique_ptr<Transport> real_;
};

// Its name is in lsan.supp.
[[gnu::noinline]] void abandon_forgets_requests_of(const DeviceBuffer& x, collComm_t comm, collStream_t stream) {
  EXPECT_EQ(all_reduce(x, x, comm, stream), collSuccess);
}

TEST_F(DeviceCalls, LetTheirStreamGoOnAlsoWhereMemoryIsGivenUp) {
  WorldOptions options = options_for(one_node(2), false);
  options.wrap = [](int, std::unique_ptr<Transport> real) {
    return std::make_unique<LastingTransport>(std::move(real));
  };
  for (const size_t count : {kShort, kLong}) {
    World world(options);
    ASSERT_TRUE(world.ok()) << world.why();
    DeviceBuffer x(*device_, count * sizeof(float));
    const DeviceStream stream(*device_);
    abandon_forgets_requests_of(x, world.handle(0), stream.get());
    ASSERT_EQ(collCommAbort(world.handle(1)), collSuccess);
    EXPECT_TRUE(stream.synchronize().ok());
    EXPECT_EQ(all_reduce(x, x, world.handle(0), stream.get()), collRemoteError);
  }
}

TEST_F(DeviceCalls, EndWithAnErrorWhenTheirTimeIsUp) {
  World world(options_for(one_node(2), true, 300));
  ASSERT_TRUE(world.ok()) << world.why();
  DeviceBuffer x(*device_, kLong * sizeof(float));
  const DeviceStream stream(*device_);
  ASSERT_EQ(all_reduce(x, x, world.handle(0), stream.get()), collSuccess);
  EXPECT_TRUE(stream.synchronize().ok());
  collResult_t state = collSuccess;
  ASSERT_EQ(collCommGetAsyncError(world.handle(0), &state), collSuccess);
  EXPECT_EQ(state, collTimeout);
}

TEST_F(DeviceCalls, ReportAFailureOfTheDevice) {
  for (const size_t count : {kShort, kLong}) {
    World world(options_for(one_node(2)));
    ASSERT_TRUE(world.ok()) << world.why();
    DeviceBuffer x(*device_, count * sizeof(float)), y(*device_, count * sizeof(float));
    const DeviceStream streams[] = {DeviceStream(*device_), DeviceStream(*device_)};
    device_->hold_all(true);
    ASSERT_EQ(all_reduce(x, x, world.handle(0), streams[0].get()), collSuccess);
    ASSERT_EQ(all_reduce(y, y, world.handle(1), streams[1].get()), collSuccess);
    device_->fail_next("an illegal address");
    device_->hold_all(false);
    std::multiset<collResult_t> states;
    for (int rank = 0; rank < 2; ++rank) {
      ASSERT_TRUE(streams[rank].synchronize().ok());
      collResult_t state{};
      ASSERT_EQ(collCommGetAsyncError(world.handle(rank), &state), collSuccess);
      states.insert(state);
    }
    EXPECT_EQ(states, (std::multiset<collResult_t>{collUnhandledCudaError, collRemoteError}));
  }
}

TEST_F(DeviceCalls, LeaveTheProgramItsShareOfTheDevice) {
  WorldOptions options = options_for(one_node(2));
  options.edit = [](int, Config& config) { config.env.max_ctas = 3; };
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
      EXPECT_GE(host, communicator.memory_bytes());
      EXPECT_LT(host + device, size_t{96} << 20);
    });
    for (int rank = 0; rank < 2; ++rank) EXPECT_TRUE(world.communicator(rank).finalize().ok());
    if (turn == 0) before = device_->live();  // with the first communicators' lines, and the flags, which stay
  }
  EXPECT_LE(device_->live(), before);
}

}  // namespace

}  // namespace coll::test
