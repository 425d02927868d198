// Messages that stay in the memory of their sender's device, where their receivers read them.
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <numeric>
#include <thread>

#include "tests/support/device_calls.hpp"
#include "tests/support/loan_traffic.hpp"

namespace coll::test {

namespace {

class DeviceLoans : public DeviceCalls {
 protected:
  static constexpr int kToKnowEachOther = 2;  // calls: one publishes, the next opens

  WorldOptions counted(const Placement& nodes, const char* algorithm = "direct") const {
    WorldOptions options =
        with(options_for(nodes, false), [algorithm](int, Config& config) { config.env.algo = algorithm; });
    options.wrap = counting(traffic_);
    return options;
  }

  const std::shared_ptr<Traffic> traffic_ = std::make_shared<Traffic>();
};

TEST_F(DeviceLoans, AreAllThatIsSentOnceTheRanksKnowEachOther) {
  for (const int nranks : {2, 3, 4}) {
    {
      Reducing ranks(device_, counted(one_node(nranks)));
      ranks.reduce_ones(kToKnowEachOther);
      for (int turn = 0; turn < 3; ++turn) {
        traffic_->bytes = traffic_->loans = 0;
        ranks.reduce_ones();
        EXPECT_GT(traffic_->loans, 0U);
        EXPECT_LT(traffic_->bytes, kLong * sizeof(float) / 50);
      }
      EXPECT_EQ(device_->opened(), static_cast<size_t>(nranks * (nranks - 1)));
    }
    EXPECT_EQ(device_->opened(), 0U);
  }
}

TEST_F(DeviceLoans, SumUpAsOtherMessagesDoInEveryAlgorithm) {
  for (const char* const algorithm : {"direct", "ring", "doubling", "double_tree"}) {
    Reducing ranks(device_, counted(one_node(4), algorithm));
    ASSERT_TRUE(ranks.world().ok()) << ranks.world().why();
    ranks.reduce_ones(kToKnowEachOther + 1);
    EXPECT_GT(traffic_->loans.exchange(0), 0U) << algorithm;
  }
}

TEST_F(DeviceLoans, GoThroughSharedMemoryAsWell) {
  for (const Placement& nodes : {one_node(2), blocks({2, 2})}) {
    Reducing ranks(device_, options_for(nodes));
    ASSERT_TRUE(ranks.world().ok()) << ranks.world().why();
    ranks.reduce_ones(kToKnowEachOther);
    const size_t before = device_->reached();
    ranks.reduce_ones();
    EXPECT_GT(device_->reached(), before);
  }
}

// Who only receives shares nothing, and opens what others share.
TEST_F(DeviceLoans, GoToRanksThatOnlyReceive) {
  for (const char* const algorithm : {"direct", "tree"}) {
    Reducing ranks(device_, counted(one_node(3), algorithm));
    ASSERT_TRUE(ranks.world().ok()) << ranks.world().why();
    for (int turn = 0; turn < 3; ++turn) {
      for (int rank = 0; rank < 3; ++rank) fill(&ranks.buffer(rank), static_cast<float>(rank + turn));
      traffic_->loans = 0;
      ranks.together([&](int rank) { return ranks.broadcast(rank, 1); });
      for (int rank = 0; rank < 3; ++rank) expect_all(ranks.buffer(rank), static_cast<float>(1 + turn));
    }
    EXPECT_GT(traffic_->loans, 0U) << algorithm;
  }
}

// The root has nothing else to wait for, and few places for what it lends.
TEST_F(DeviceLoans, AreNotWrittenOverBeforeTheyHaveComeBack) {
  void* memory = nullptr;
  ASSERT_TRUE(device_->allocate_pinned(sizeof(uint32_t), &memory).ok());
  auto* const may_go = static_cast<uint32_t*>(memory);
  Reducing ranks(device_, with(counted(one_node(2)), [](int, Config& config) {
                   config.check = 0;  // which the late rank would answer late
                   config.env.chunk_bytes = size_t{64} << 10;
                 }));
  std::vector<float> counting(kLong);
  std::iota(counting.begin(), counting.end(), 1.0F);
  for (uint32_t turn = 1; turn <= 3; ++turn) {
    fill(&ranks.buffer(1), 0);
    ranks.buffer(0).put(reinterpret_cast<const std::byte*>(counting.data()), kLong * sizeof(float));
    std::atomic_ref<uint32_t>(*may_go).store(turn - 1);
    ASSERT_TRUE(device_->await_flag(ranks.stream(1).get(), may_go, turn).ok());
    traffic_->loans = 0;
    for (const int rank : {1, 0}) ASSERT_EQ(ranks.broadcast(rank, 0), collSuccess);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // for a root that would go on
    std::atomic_ref<uint32_t>(*may_go).store(turn);
    for (int rank = 0; rank < 2; ++rank) ASSERT_TRUE(ranks.stream(rank).synchronize().ok());
    EXPECT_EQ(floats(ranks.buffer(1)), counting);
  }
  EXPECT_GT(traffic_->loans, 10U);
  ASSERT_TRUE(device_->release_pinned(memory).ok());
}

TEST_F(DeviceLoans, AreReducedAtARoot) {
  Reducing ranks(device_, counted(one_node(3)));
  for (int turn = 0; turn < 3; ++turn) {
    for (int rank = 0; rank < 3; ++rank) fill(&ranks.buffer(rank), static_cast<float>(rank + turn));
    traffic_->loans = 0;
    ranks.together([&](int rank) {
      void* const at = ranks.buffer(rank).data();
      return collReduce(at, at, kLong, collFloat32, collSum, 2, ranks.world().handle(rank), ranks.stream(rank).get());
    });
    expect_all(ranks.buffer(2), static_cast<float>(3 + 3 * turn));
  }
  EXPECT_GT(traffic_->loans, 0U);
}

TEST_F(DeviceLoans, GoOnWhenAStreamNeedsMoreMemoryThanBefore) {
  Reducing ranks(device_, counted(one_node(2)));
  ranks.reduce_ones(kToKnowEachOther);
  constexpr size_t kLonger = 4 * kLong;
  DeviceBuffer a(*device_, kLonger * sizeof(float)), b(*device_, kLonger * sizeof(float));
  for (int turn = 0; turn < 3; ++turn) {
    fill(&a, 1);
    fill(&b, 2);
    traffic_->loans = 0;
    ranks.together([&](int rank) {  // two calls are queued, of which the second needs more
      const DeviceBuffer& its = rank == 0 ? a : b;
      EXPECT_EQ(ranks.call(rank), collSuccess);
      return all_reduce(its, its, ranks.world().handle(rank), ranks.stream(rank).get());
    });
    expect_all(a, 3);
    expect_all(b, 3);
  }
  EXPECT_GT(traffic_->loans, 0U);
}

TEST_F(DeviceLoans, AreNotMadeToRanksThatCallWithHostMemory) {
  Reducing ranks(device_, counted(one_node(2)));
  ranks.reduce_ones(kToKnowEachOther);
  traffic_->loans = 0;
  ranks.reduce_with_host_memory();
  EXPECT_EQ(traffic_->loans, 0U);
  ranks.reduce_ones();
  EXPECT_GT(traffic_->loans, 0U);
}

TEST_F(DeviceLoans, AreNotMadeWhereMemoryCannotBeOpened) {
  device_->forbid_opening(true);
  Reducing ranks(device_, counted(one_node(2)));
  ranks.reduce_ones(kToKnowEachOther);
  EXPECT_EQ(traffic_->loans, 0U);
  device_->forbid_opening(false);
}

TEST_F(DeviceLoans, AreNotMadeOfMemoryThatCannotBeShared) {
  device_->forbid_sharing(true);
  Reducing ranks(device_, counted(one_node(2)));
  ranks.reduce_ones(kToKnowEachOther);
  EXPECT_EQ(traffic_->loans, 0U);
  device_->forbid_sharing(false);
}

TEST_F(DeviceLoans, AreNotMadeWhereMessagesHaveChecksums) {
  Reducing ranks(device_, with(counted(one_node(2)), [](int, Config& config) { config.check = 2; }));
  ranks.reduce_ones(kToKnowEachOther);
  EXPECT_EQ(traffic_->loans, 0U);
}

TEST_F(DeviceLoans, AreNotMadeWhereOneRankWantsNone) {
  Reducing ranks(device_, with(counted(one_node(2)), [](int rank, Config& config) { config.env.p2p = rank; }));
  ranks.reduce_ones(kToKnowEachOther);
  EXPECT_EQ(traffic_->loans, 0U);
}

// A rank whose stream has not come to the call has announced it: its peer lends, and waits.
TEST_F(DeviceLoans, ThatAreOutWhenACallFailsAreNotUsedAgain) {
  void* memory = nullptr;
  ASSERT_TRUE(device_->allocate_pinned(sizeof(uint32_t), &memory).ok());
  auto* const may_go = static_cast<uint32_t*>(memory);
  std::atomic_ref<uint32_t>(*may_go).store(0);
  const WorldOptions options = with(counted(one_node(2)), [](int, Config& config) {
    config.check = 0;  // of what the late rank is about to do, which it says when its stream has come there
  });
  {
    Reducing ranks(device_, options);
    ranks.reduce_ones(kToKnowEachOther);
    traffic_->loans = 0;
    ASSERT_TRUE(device_->await_flag(ranks.stream(1).get(), may_go, 1).ok());
    ASSERT_EQ(ranks.call(1), collSuccess);
    ASSERT_EQ(ranks.call(0), collSuccess);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (traffic_->loans == 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    ASSERT_GT(traffic_->loans, 0U);
    ASSERT_EQ(collCommAbort(ranks.world().handle(1)), collSuccess);
    EXPECT_TRUE(ranks.stream(0).synchronize().ok());  // its kernels read nothing that they have not been told of
    std::atomic_ref<uint32_t>(*may_go).store(1);
    EXPECT_TRUE(ranks.stream(1).synchronize().ok());
    collResult_t state = collSuccess;
    ASSERT_EQ(collCommGetAsyncError(ranks.world().handle(0), &state), collSuccess);
    EXPECT_EQ(state, collRemoteError);
  }
  const int before = device_->shared();
  Reducing anew(device_, options);
  anew.reduce_ones(kToKnowEachOther + 1);
  EXPECT_GT(device_->shared(), before);  // memory that was not there before
  ASSERT_TRUE(device_->release_pinned(memory).ok());
}

// Kernels of a call that has failed run when their turn comes, behind what calls before them still do to the memory
// that the calls of a stream share.
TEST_F(DeviceLoans, OfCallsThatFailBehindOthersAreReadNowhere) {
  for (const bool staged_first : {true, false}) {
    Reducing ranks(device_, counted(one_node(2)));
    ranks.reduce_ones(kToKnowEachOther);
    DeviceBuffer other(*device_, (staged_first ? kShort : kLong / 3) * sizeof(float));
    fill(&other, 1);
    device_->hold_all(true);
    ASSERT_EQ(all_reduce(other, other, ranks.world().handle(0), ranks.stream(0).get()), collSuccess);
    ASSERT_EQ(ranks.call(0), collSuccess);
    ASSERT_EQ(collCommAbort(ranks.world().handle(1)), collSuccess);
    collResult_t state = collInProgress;
    while (state == collInProgress) {
      ASSERT_EQ(collCommGetAsyncError(ranks.world().handle(0), &state), collSuccess);
    }
    EXPECT_EQ(state, collRemoteError);
    device_->hold_all(false);
    EXPECT_TRUE(ranks.stream(0).synchronize().ok());
    EXPECT_EQ(all_reduce(other, other, ranks.world().handle(0), ranks.stream(0).get()), collRemoteError)
        << collGetLastError(nullptr);  // and not a failure of the device
  }
}

TEST_F(DeviceLoans, ComeFromMemoryThatCommunicatorsHandOn) {
  Reducing first(device_, counted(one_node(2)));
  first.reduce_ones(kToKnowEachOther);
  int shared = 0;
  for (int turn = 0; turn < 3; ++turn) {
    Reducing next(device_, counted(one_node(2)));
    next.reduce_ones(kToKnowEachOther);
    if (turn == 0) shared = device_->shared();
  }
  EXPECT_EQ(device_->shared(), shared);
  first.reduce_ones();
}

// A loan of what the receiver has not opened.
class WrongTransport final : public ForwardingTransport {
 public:
  using ForwardingTransport::ForwardingTransport;
  Status send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) override {
    if (!is_loan(message)) return ForwardingTransport::send(peer, tag, message, request);
    std::memcpy(&loan_, message.data(), sizeof loan_);
    loan_.offset = uint64_t{1} << 40;
    return ForwardingTransport::send(peer, tag, std::as_bytes(std::span(&loan_, 1)), request);
  }

 private:
  DeviceLoan loan_;
};

TEST_F(DeviceLoans, OfMemoryThatIsOutOfReachAreDamagedMessages) {
  WorldOptions options = counted(one_node(2));
  options.wrap = [](int rank, std::unique_ptr<Transport> real) -> std::unique_ptr<Transport> {
    if (rank == 1) return std::make_unique<WrongTransport>(std::move(real));
    return real;
  };
  Reducing ranks(device_, options);
  device_->hold_all(true);  // the second rank opens the first's memory in its first call, and may be lent to at once
  for (const int rank : {1, 0, 1, 0}) ASSERT_EQ(ranks.call(rank), collSuccess);
  device_->hold_all(false);
  for (const int rank : {0, 1}) EXPECT_TRUE(ranks.stream(rank).synchronize().ok());
  EXPECT_EQ(ranks.call(0), collCorruptData);
  EXPECT_NE(std::string(collGetLastError(nullptr)).find("does not reach memory"), std::string::npos)
      << collGetLastError(nullptr);
}

}  // namespace

}  // namespace coll::test
