// Messages of other nodes that lie in memory of this rank's device: when they do, whose memory that is, and how long
// transports know it.
#include <chrono>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <thread>

#include "runtime/device_direct.hpp"
#include "runtime/device_notices.hpp"
#include "tests/support/device_calls.hpp"
#include "tests/support/direct_transport.hpp"
#include "tests/support/directory.hpp"

namespace coll::test {

namespace {

class DeviceDirectCalls : public DeviceCalls {
 protected:
  // Ranks of `nodes`, of which those that `direct` names have such a transport, and want it.
  WorldOptions direct_between(
      const Placement& nodes, bool shm, const char* algorithm = "direct",
      const std::function<bool(int rank)>& direct = [](int) { return true; }) const {
    WorldOptions options = with(options_for(nodes, shm), [algorithm, direct](int rank, Config& config) {
      config.env.algo = algorithm;
      config.env.device_direct = direct(rank) ? 1 : 0;
    });
    options.wrap = [traffic = traffic_, device = device_](int, std::unique_ptr<Transport> real) {
      return std::make_unique<DirectTransport>(std::move(real), device, traffic);
    };
    return options;
  }
  WorldOptions direct_between(int nranks) const { return direct_between(one_node(nranks), false); }

  // ... and no rank has a message there.
  void expect_none() const {
    EXPECT_EQ(traffic_->sent, 0U);
    EXPECT_EQ(traffic_->received, 0U);
    EXPECT_EQ(traffic_->registered, 0);
    EXPECT_GT(traffic_->beside, kLong * sizeof(float));
  }

  const std::shared_ptr<DirectTraffic> traffic_ = std::make_shared<DirectTraffic>();
};

TEST_F(DeviceDirectCalls, SendFromAndReceiveInDeviceMemory) {
  for (const int nranks : {2, 3, 4}) {
    {
      Reducing ranks(device_, direct_between(nranks));
      ASSERT_TRUE(ranks.world().ok()) << ranks.world().why();
      ranks.reduce_ones();
      EXPECT_EQ(traffic_->registered, nranks);
      EXPECT_EQ(traffic_->sent, traffic_->received);
      EXPECT_GT(traffic_->sent.exchange(0), 0U);
      EXPECT_LT(traffic_->beside.exchange(0), kLong * sizeof(float) / 50) << "what else is sent is short";
      ranks.reduce_ones(2);
      EXPECT_EQ(traffic_->registered, nranks) << "later calls use the same memory";
      size_t host_bytes = 0, device_bytes = 0;
      ASSERT_EQ(collCommMemUsage(ranks.world().handle(0), &host_bytes, &device_bytes), collSuccess);
      EXPECT_GT(device_bytes, kLong * sizeof(float) / static_cast<size_t>(nranks)) << "of one message at least";
      traffic_->sent = traffic_->received = 0;
    }
    EXPECT_EQ(traffic_->registered, 0);
  }
  EXPECT_GE(traffic_->shortest, kLeastDirect);
}

// In a node they are lent, and between nodes direct; a message to both is lent, and pinned.
TEST_F(DeviceDirectCalls, MeetLoansOfTheNode) {
  for (const char* const algorithm : {"direct", "ring", "hier_direct"}) {
    Reducing ranks(device_, direct_between(blocks({2, 2}), true, algorithm));
    ASSERT_TRUE(ranks.world().ok()) << ranks.world().why();
    ranks.reduce_ones(2);
    const size_t lent = device_->reached();
    traffic_->sent = 0;
    ranks.reduce_ones();
    EXPECT_GT(device_->reached(), lent) << algorithm;
    EXPECT_GT(traffic_->received.exchange(0), 0U) << algorithm;
  }
}

// Each rank decides for its own side.
TEST_F(DeviceDirectCalls, MeetRanksThatWantNone) {
  Reducing ranks(device_, direct_between(one_node(3), false, "ring", [](int rank) { return rank == 1; }));
  ranks.reduce_ones(2);
  EXPECT_EQ(traffic_->registered, 1);
  EXPECT_GT(traffic_->sent, 0U);
  EXPECT_EQ(traffic_->sent, traffic_->received);
  EXPECT_GT(traffic_->beside, kLong * sizeof(float));
}

TEST_F(DeviceDirectCalls, MeetRanksThatCallWithHostMemory) {
  Reducing ranks(device_, direct_between(2));
  ranks.reduce_with_host_memory();
  EXPECT_EQ(traffic_->registered, 1);
  EXPECT_GT(traffic_->received, 0U);
}

TEST_F(DeviceDirectCalls, AreNotMadeUnasked) {
  Reducing ranks(device_, direct_between(one_node(2), false, "direct", [](int) { return false; }));
  ranks.reduce_ones();
  expect_none();
}

TEST_F(DeviceDirectCalls, AreNotMadeWhereMessagesHaveChecksums) {
  Reducing ranks(device_, with(direct_between(2), [](int, Config& config) { config.check = 2; }));
  ranks.reduce_ones();
  expect_none();
}

TEST_F(DeviceDirectCalls, AreNotMadeOfShortMessages) {
  Reducing ranks(device_, with(direct_between(2), [](int, Config& config) {
                   config.env.chunk_bytes = kLeastDirect;  // of which each rank reduces a half
                 }));
  const int before = device_->hops();
  ranks.reduce_ones();
  EXPECT_GT(device_->hops(), before) << "the calls are not staged";
  expect_none();
}

TEST_F(DeviceDirectCalls, AreNotMadeWhereMemoryCannotBeRegistered) {
  traffic_->refuses = true;
  Reducing ranks(device_, direct_between(2));
  ranks.reduce_ones(3);
  expect_none();
  EXPECT_EQ(traffic_->refused, 2) << "each rank tries once";
}

TEST_F(DeviceDirectCalls, AreNotMadeWhereKernelsMightComeTooEarly) {
  device_->disorder(true);
  {
    Reducing ranks(device_, direct_between(2));
    ranks.reduce_ones();
    expect_none();
  }
  device_->disorder(false);
}

TEST_F(DeviceDirectCalls, GoOnWhenAStreamNeedsMoreMemoryThanBefore) {
  {
    Reducing ranks(device_, direct_between(2));
    ranks.reduce_ones();
    constexpr size_t kLonger = 4 * kLong;
    DeviceBuffer a(*device_, kLonger * sizeof(float)), b(*device_, kLonger * sizeof(float));
    fill(&a, 1);
    fill(&b, 2);
    ranks.together([&](int rank) {
      const DeviceBuffer& its = rank == 0 ? a : b;
      EXPECT_EQ(ranks.call(rank), collSuccess);
      return all_reduce(its, its, ranks.world().handle(rank), ranks.stream(rank).get());
    });
    expect_all(a, 3);
    expect_all(b, 3);
    EXPECT_GT(traffic_->registered, 2);
  }
  EXPECT_EQ(traffic_->registered, 0);
}

// Memory is neither allocated nor registered while the program's stream is being captured, and can be had afterwards.
TEST_F(DeviceDirectCalls, LeaveAStreamAloneThatIsBeingCaptured) {
  Reducing ranks(device_, direct_between(2));
  const collStream_t stream = ranks.stream(0).get();
  device_->capture(stream, true);
  const int before = device_->allocations();
  EXPECT_EQ(ranks.call(0), collInvalidUsage);
  EXPECT_EQ(device_->allocations(), before + 1) << "of the line's gate";
  EXPECT_EQ(traffic_->registered, 0);
  device_->capture(stream, false);
  ranks.reduce_ones();
  EXPECT_EQ(traffic_->registered, 2);
}

// A rank waits in a call for messages that never come, and is told that the other has given up.
class DeviceDirectFailures : public DeviceDirectCalls, public testing::WithParamInterface<bool> {
 protected:
  void fail_in_flight() {
    Reducing ranks(device_, with(direct_between(2), [](int, Config& config) { config.check = 0; }));
    ranks.reduce_ones();
    fill(&ranks.buffer(0), 1);
    traffic_->sent = 0;
    ASSERT_EQ(ranks.call(0), collSuccess);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (traffic_->sent == 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    ASSERT_GT(traffic_->sent, 0U);
    ASSERT_EQ(collCommAbort(ranks.world().handle(1)), collSuccess);
    EXPECT_TRUE(ranks.stream(0).synchronize().ok());
    collResult_t state = collSuccess;
    ASSERT_EQ(collCommGetAsyncError(ranks.world().handle(0), &state), collSuccess);
    EXPECT_EQ(state, collRemoteError);
  }
};

// Memory that the system may still access is given up, and stays registered.
TEST_P(DeviceDirectFailures, KeepMemoryThatIsStillAccessed) {
  traffic_->still_accesses = GetParam();
  fail_in_flight();
  EXPECT_EQ(traffic_->registered, GetParam() ? 2 : 0);
}
INSTANTIATE_TEST_SUITE_P(Each, DeviceDirectFailures, testing::Bool(),
                         [](const auto& tested) { return std::string(tested.param ? "StillAccessed" : "LetGo"); });

// Sends less of each long message than is due: as much as a loan would have.
class CuttingTransport final : public ForwardingTransport {
 public:
  using ForwardingTransport::ForwardingTransport;
  Status send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) override {
    return real().send(peer, tag, message.size() < kLeastDirect ? message : message.first(sizeof(DeviceLoan)), request);
  }
};

TEST_F(DeviceDirectCalls, OfAnotherLengthAreDamagedMessages) {
  WorldOptions options = direct_between(2);
  options.wrap = [wrap = options.wrap](int rank, std::unique_ptr<Transport> real) -> std::unique_ptr<Transport> {
    if (rank == 1) return wrap(rank, std::make_unique<CuttingTransport>(std::move(real)));
    return wrap(rank, std::move(real));
  };
  Reducing ranks(device_, options);
  for (const int rank : {0, 1}) ASSERT_EQ(ranks.call(rank), collSuccess);
  for (const int rank : {0, 1}) EXPECT_TRUE(ranks.stream(rank).synchronize().ok());
  EXPECT_EQ(ranks.call(0), collCorruptData);
  EXPECT_NE(std::string(collGetLastError(nullptr)).find("has 32 bytes instead of"), std::string::npos)
      << collGetLastError(nullptr);
}

// What a person is told who asks for it.
TEST_F(DeviceDirectCalls, SayWhetherAndWhyNot) {
  const Directory folder;
  const auto log_of = [&](WorldOptions options) {
    const std::string path = (folder.path() / "log").string();
    std::filesystem::remove(path);
    options = with(options, [&](int rank, Config& config) {
      config.env.debug = rank == 0 ? "INFO" : "NONE";
      config.env.debug_file = path;
    });
    World world(options);
    EXPECT_TRUE(world.ok()) << world.why();
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  };
  const auto expect_line = [](const std::string& log, const char* line) {
    EXPECT_NE(log.find(std::string("COLL_DEVICE_DIRECT=1: messages to other nodes lie in ") + line), std::string::npos)
        << log;
  };
  expect_line(log_of(direct_between(2)), "device memory\n");
  WorldOptions plain = direct_between(2);
  plain.wrap = {};
  expect_line(log_of(plain), "pinned memory: transport inproc knows host memory alone\n");
  expect_line(log_of(with(direct_between(2), [](int, Config& config) { config.check = 2; })),
              "pinned memory: the host has to see what checksums (COLL_CHECK=2) are of\n");
  const std::string unasked = log_of(direct_between(one_node(2), false, "direct", [](int) { return false; }));
  EXPECT_EQ(unasked.find("COLL_DEVICE_DIRECT"), std::string::npos) << unasked;
}

}  // namespace

}  // namespace coll::test
