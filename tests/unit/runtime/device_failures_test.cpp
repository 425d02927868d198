// Calls on a device that are refused, or end otherwise than they should: the program's stream goes on in any case.
#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "tests/support/device_calls.hpp"
#include "tests/support/forwarding_transport.hpp"
#include "tests/support/own_thread_transport.hpp"

namespace coll::test {

namespace {

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
  EXPECT_EQ(collStreamSynchronize(stream.get()), collUnsupported);

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

TEST_F(DeviceCalls, ThatAreRefusedLeaveThoseBeforeThemAlone) {
  WorldOptions options = options_for(one_node(2));
  options.edit = [](int, Config& config) { config.env.algo = "ring"; };  // which has no alltoall
  World world(options);
  ASSERT_TRUE(world.ok()) << world.why();
  DeviceBuffer x(*device_, kShort * sizeof(float)), y(*device_, kShort * sizeof(float));
  fill(&x, 1);
  fill(&y, 2);
  const DeviceStream streams[] = {DeviceStream(*device_), DeviceStream(*device_)};
  ASSERT_EQ(all_reduce(x, x, world.handle(0), streams[0].get()), collSuccess);
  ASSERT_EQ(collAlltoAll(x.data(), y.data(), kShort / 2, collFloat32, world.handle(0), streams[0].get()),
            collUnsupported);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // for a result that would not wait
  ASSERT_EQ(all_reduce(y, y, world.handle(1), streams[1].get()), collSuccess);
  for (const DeviceStream& stream : streams) ASSERT_TRUE(stream.synchronize().ok());
  expect_all(x, 3);
  expect_all(y, 3);
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

// The buffers of a call that fails early are still the program's.
TEST_F(DeviceCalls, ThatFailBeforeTheirStreamHasComeToThemWait) {
  World world(options_for(one_node(2)));
  ASSERT_TRUE(world.ok()) << world.why();
  void* memory = nullptr;
  ASSERT_TRUE(device_->allocate_pinned(sizeof(uint32_t), &memory).ok());
  auto* const may_go = static_cast<uint32_t*>(memory);
  DeviceBuffer x(*device_, kLong * sizeof(float)), y(*device_, kLong * sizeof(float));
  fill(&x, 1);
  fill(&y, 7);
  const DeviceStream stream(*device_);
  ASSERT_TRUE(device_->await_flag(stream.get(), may_go, 1).ok());
  ASSERT_EQ(all_reduce(x, y, world.handle(0), stream.get()), collSuccess);
  EXPECT_GT(device_->hops(), 0);
  ASSERT_EQ(collCommAbort(world.handle(1)), collSuccess);
  collResult_t state = collInProgress;
  while (state == collInProgress) ASSERT_EQ(collCommGetAsyncError(world.handle(0), &state), collSuccess);
  EXPECT_EQ(state, collRemoteError);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // for a kernel that would come early
  EXPECT_EQ(device_->hops_done(), 0);
  expect_all(y, 7);
  std::atomic_ref<uint32_t>(*may_go).store(1);
  EXPECT_TRUE(stream.synchronize().ok());
  ASSERT_TRUE(device_->release_pinned(memory).ok());
}

// What comes behind a failed call may use its buffers: no kernel of the call writes there any more.
TEST_F(DeviceCalls, ThatHaveFailedLeaveTheirBuffersAlone) {
  for (int turn = 0; turn < 5; ++turn) {
    World world(options_for(one_node(2)));
    ASSERT_TRUE(world.ok()) << world.why();
    DeviceBuffer x(*device_, kLong * sizeof(float)), y(*device_, kLong * sizeof(float));
    fill(&x, 1);
    const DeviceStream stream(*device_);
    ASSERT_EQ(all_reduce(x, y, world.handle(0), stream.get()), collSuccess);
    if (turn > 0) std::this_thread::sleep_for(std::chrono::milliseconds(turn));
    ASSERT_EQ(collCommAbort(world.handle(1)), collSuccess);
    ASSERT_TRUE(stream.synchronize().ok());
    const int done = device_->hops_done();
    EXPECT_EQ(done, device_->hops());
    fill(&y, 7);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // for a kernel that would come late
    expect_all(y, 7);
  }
}

// As MPI: what has been posted may still be written to after a failure.
class LastingTransport final : public ForwardingTransport {
 public:
  using ForwardingTransport::ForwardingTransport;
  bool abandon() override { return static_cast<void>(real().abandon()), true; }
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
    device_->fail_next("an illegal address");  // the second call's copy, or the first kernel of either
    ASSERT_EQ(all_reduce(y, y, world.handle(1), streams[1].get()), collSuccess);
    device_->hold_all(false);
    // The failed rank's own stream may fail with the device; the other's goes on when that rank has been told.
    std::multiset<collResult_t> states;
    const auto deadline = Clock::now() + std::chrono::seconds(30);
    while ((states.empty() || states.contains(collSuccess) || states.contains(collInProgress)) &&
           Clock::now() < deadline) {
      states.clear();
      for (int rank = 0; rank < 2; ++rank) {
        collResult_t state{};
        ASSERT_EQ(collCommGetAsyncError(world.handle(rank), &state), collSuccess);
        states.insert(state);
      }
      std::this_thread::yield();
    }
    for (const DeviceStream& stream : streams) static_cast<void>(stream.synchronize());
    EXPECT_EQ(states, (std::multiset<collResult_t>{collUnhandledCudaError, collRemoteError}));
  }
}

}  // namespace

}  // namespace coll::test
