// Messages that are lent where they lie anyway, in memory that collMemAllocDevice() gave: nothing is copied for their
// receivers, and nothing is written over before they have read it.
#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/device_functions.hpp"
#include "tests/support/loan_traffic.hpp"

namespace coll::test {

namespace {

constexpr int kTurns = 3;  // of which the first ones let the ranks know each other

class DeviceLending : public DeviceCalls {
 protected:
  WorldOptions chunked(int nranks, const std::string& algorithm = "") const {
    WorldOptions options = with(options_for(one_node(nranks), false), [algorithm](int, Config& config) {
      config.env.algo = algorithm;
      config.env.chunk_bytes = size_t{256} << 10;
    });
    options.wrap = counting(traffic_);
    return options;
  }

  // Every rank calls from a thread of its own, turn after turn with other numbers.
  void run(World& world, const Function& function, bool in_place) {
    const int nranks = world.nranks();
    world.run([&](int rank, Communicator& communicator) {
      const size_t sends = blocks_of(function.sends, nranks) * kCount;
      const size_t receives = blocks_of(function.receives, nranks) * kCount;
      const Given whole(device_, std::max(sends, receives));
      const Given apart(device_, sends);
      const size_t block = static_cast<size_t>(rank) * kCount;
      float* const recv = whole.at() + (in_place && receives < sends ? block : 0);
      float* const send = in_place ? whole.at() + (sends < receives ? block : 0) : apart.at();
      const DeviceStream stream(*device_);
      for (int turn = 0; turn < kTurns; ++turn) {
        const Floats sent = numbers(sends, rank, turn);
        device_->upload(send, sent.data(), sends * sizeof(float));
        ASSERT_EQ(function.call(send, recv, world.handle(rank), stream.get()), collSuccess)
            << function.name << ": " << collGetLastError(nullptr);
        ASSERT_TRUE(stream.synchronize().ok());
        const Floats due = function.due(rank, nranks, turn);
        EXPECT_TRUE(due.empty() || read(*device_, recv, receives) == due) << function.name << " " << turn;
        EXPECT_TRUE(in_place || read(*device_, send, sends) == sent) << function.name << " " << turn;
      }
      device_bytes_[static_cast<size_t>(rank)] = communicator.device_bytes();
    });
  }

  size_t most_device_bytes() const { return *std::max_element(device_bytes_.begin(), device_bytes_.end()); }

  const std::shared_ptr<Traffic> traffic_ = std::make_shared<Traffic>();

 private:
  std::array<size_t, 8> device_bytes_{};
};

TEST_F(DeviceLending, GivesTheRightResultsOfEveryFunction) {
  for (const int nranks : {2, 3}) {
    for (const Function& function : kFunctions) {
      for (const bool in_place : {false, true}) {
        if (in_place && !function.in_place) continue;
        World world(chunked(nranks));
        ASSERT_TRUE(world.ok()) << world.why();
        run(world, function, in_place);
        EXPECT_GT(traffic_->loans.exchange(0), 0U) << function.name;
      }
    }
  }
}

TEST_F(DeviceLending, GivesTheRightSumsInEveryAlgorithm) {
  for (const char* const algorithm : {"direct", "ring", "doubling", "double_tree"}) {
    for (const bool in_place : {false, true}) {
      World world(chunked(4, algorithm));
      ASSERT_TRUE(world.ok()) << world.why();
      run(world, kFunctions[0], in_place);
      EXPECT_GT(traffic_->loans.exchange(0), 0U) << algorithm;
    }
  }
}

// What comes as a loan goes on to such a rank as bytes.
TEST_F(DeviceLending, ServesRanksThatCallWithHostMemory) {
  for (const char* const algorithm : {"direct", "ring"}) {
    World world(chunked(3, algorithm));
    world.run([&](int rank, Communicator&) {
      Given given(device_, 4 * kCount);
      Floats host(4 * kCount);
      const DeviceStream stream(*device_);
      float* const at = rank == 2 ? host.data() : given.at();
      const collStream_t on = rank == 2 ? nullptr : stream.get();
      for (int turn = 0; turn < kTurns; ++turn) {
        const Floats own = numbers(4 * kCount, rank, turn);
        std::copy(own.begin(), own.end(), host.begin());
        given.put(own);
        ASSERT_EQ(kFunctions[0].call(at, at, world.handle(rank), on), collSuccess) << collGetLastError(nullptr);
        ASSERT_TRUE(stream.synchronize().ok());
        EXPECT_TRUE((rank == 2 ? host : given.get()) == sum_of_all(4 * kCount, 3, turn)) << algorithm << " " << turn;
      }
    });
    EXPECT_GT(traffic_->loans.exchange(0), 0U) << algorithm;
  }
}

// All that goes to and fro lies where the program has it.
TEST_F(DeviceLending, NeedsNoMemoryForMessages) {
  for (const bool in_place : {false, true}) {
    World world(chunked(4, "direct"));
    run(world, kFunctions[0], in_place);
    EXPECT_EQ(most_device_bytes(), 0U) << in_place;
    EXPECT_GT(traffic_->loans.exchange(0), 0U) << in_place;
  }
}

// What a program frees, others may have open: the library gives it to whoever asks next, and cleared.
TEST_F(DeviceLending, LeavesMemoryOpenWhenItIsFreed) {
  World world(chunked(2));
  run(world, kFunctions[0], true);
  const size_t live = device_->live();
  const Given next(device_, 4 * kCount);
  EXPECT_EQ(device_->live(), live);
  EXPECT_EQ(next.get(), Floats(4 * kCount));
  const Given longer(device_, 64 * kCount);
  EXPECT_EQ(device_->live(), live + 1);
}

TEST_F(DeviceLending, LeavesNoMemoryIdle) {
  World world(chunked(2));
  {
    const Given longer[2] = {{device_, 64 * kCount}, {device_, 64 * kCount}};
    world.run([&](int rank, Communicator&) {
      const DeviceStream stream(*device_);
      float* const at = longer[rank].at();
      ASSERT_EQ(kFunctions[0].call(at, at, world.handle(rank), stream.get()), collSuccess);
      ASSERT_TRUE(stream.synchronize().ok());
    });
  }
  const size_t live = device_->live();
  const Given next(device_, 4 * kCount);  // most of what has been freed would not be used
  EXPECT_EQ(device_->live(), live + 1);
}

// Hears of no failure.
class DeafTransport final : public ForwardingTransport {
 public:
  using ForwardingTransport::ForwardingTransport;
  bool poll_control(Control*) override { return false; }
};

// The root gives up when the other rank has its loans, and writes over its buffer, before the other reads it.
TEST_F(DeviceLending, IsNotTrustedWhereTheLenderHasFailed) {
  void* memory = nullptr;
  ASSERT_TRUE(device_->allocate_pinned(sizeof(uint32_t), &memory).ok());
  auto* const may_go = static_cast<uint32_t*>(memory);
  WorldOptions options = with(options_for(one_node(2), false), [](int, Config& config) {
    config.check = 0;
    config.env.chunk_bytes = 4 * kCount * sizeof(float);  // all of it is one message
  });
  options.wrap = [traffic = traffic_](int rank, std::unique_ptr<Transport> real) -> std::unique_ptr<Transport> {
    if (rank != kRoot) return std::make_unique<DeafTransport>(std::move(real));
    return std::make_unique<CountingTransport>(std::move(real), traffic);
  };
  World world(options);
  const Function& broadcast = kFunctions[3];
  run(world, broadcast, true);
  const Given root(device_, 4 * kCount), other(device_, 4 * kCount);
  const DeviceStream streams[2]{DeviceStream(*device_), DeviceStream(*device_)};
  const auto call = [&](int rank) {
    float* const at = rank == kRoot ? root.at() : other.at();
    return broadcast.call(at, at, world.handle(rank), streams[rank].get());
  };
  for (int turn = 0; turn < 2; ++turn) {
    for (const int rank : {0, 1}) ASSERT_EQ(call(rank), collSuccess);
    for (const int rank : {0, 1}) ASSERT_TRUE(streams[rank].synchronize().ok());
  }
  std::atomic_ref<uint32_t>(*may_go).store(0);
  traffic_->loans = 0;
  ASSERT_TRUE(device_->await_flag(streams[1 - kRoot].get(), may_go, 1).ok());
  for (const int rank : {1 - kRoot, kRoot}) ASSERT_EQ(call(rank), collSuccess);
  while (traffic_->loans == 0) std::this_thread::yield();
  ASSERT_EQ(collCommAbort(world.handle(kRoot)), collSuccess);
  EXPECT_TRUE(streams[kRoot].synchronize().ok());
  std::atomic_ref<uint32_t>(*may_go).store(1);
  EXPECT_TRUE(streams[1 - kRoot].synchronize().ok());
  collResult_t state = collInProgress;
  while (state == collInProgress) ASSERT_EQ(collCommGetAsyncError(world.handle(1 - kRoot), &state), collSuccess);
  EXPECT_EQ(state, collRemoteError);
  ASSERT_TRUE(device_->release_pinned(memory).ok());
}

// There are places for some of it to be known by.
TEST_F(DeviceLending, ServesMoreMemoryThanPeersAreToldOf) {
  World world(chunked(2, "direct"));
  std::vector<std::unique_ptr<Given>> all;
  for (size_t i = 0; i < 2 * DeviceNotices::kShares; ++i) all.push_back(std::make_unique<Given>(device_, 4 * kCount));
  world.run([&](int rank, Communicator&) {
    const DeviceStream stream(*device_);
    for (int turn = 0; turn < 2; ++turn) {
      for (size_t i = static_cast<size_t>(rank); i < all.size(); i += 2) {
        all[i]->put(numbers(4 * kCount, rank, turn));
        ASSERT_EQ(kFunctions[0].call(all[i]->at(), all[i]->at(), world.handle(rank), stream.get()), collSuccess);
        ASSERT_TRUE(stream.synchronize().ok());
        EXPECT_TRUE(all[i]->get() == sum_of_all(4 * kCount, 2, turn)) << i << " " << turn;
      }
    }
  });
  EXPECT_GT(device_->opened(), 2U);
  EXPECT_LE(device_->opened(), 2 * (DeviceNotices::kShares / 2 + 1));  // and each rank's own for messages
}

// As the networks between nodes are: nobody reads notices there.
class FarTransport final : public ForwardingTransport {
 public:
  using ForwardingTransport::ForwardingTransport;
  std::span<std::byte> notices(int) override { return {}; }
};

// What comes as a loan from a rank of the node goes on as bytes.
TEST_F(DeviceLending, GoesOnToOtherNodes) {
  for (const Placement& nodes : {blocks({2, 2}), blocks({3, 1})}) {
    for (const size_t function : {0, 2, 3}) {
      WorldOptions options = with(options_for(nodes), [](int, Config& config) {
        config.env.algo = "ring";
        config.env.chunk_bytes = size_t{256} << 10;
      });
      options.wrap = [](int, std::unique_ptr<Transport> real) {
        return std::make_unique<FarTransport>(std::move(real));
      };
      World world(options);
      ASSERT_TRUE(world.ok()) << world.why();
      const size_t before = device_->reached();
      run(world, kFunctions[function], false);
      EXPECT_GT(device_->reached(), before) << kFunctions[function].name;
    }
  }
}

}  // namespace

}  // namespace coll::test
