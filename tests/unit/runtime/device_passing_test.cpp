// Coded messages that ranks hand on as they came, which stay on devices as other messages do.
#include <memory>
#include <vector>

#include "tests/support/device_calls.hpp"
#include "tests/support/direct_transport.hpp"
#include "tests/support/loan_traffic.hpp"

namespace coll::test {

namespace {

constexpr int kToKnowEachOther = 2;  // calls: one publishes, the next opens
constexpr int kRoot = 0;

// Small numbers, which every codec's user would expect back: bf16 keeps them as they are.
std::vector<float> numbers(int seed) {
  std::vector<float> values(kLong);
  for (size_t i = 0; i < kLong; ++i) values[i] = static_cast<float>((i + static_cast<size_t>(seed)) % 251);
  return values;
}
void put(DeviceBuffer* buffer, const std::vector<float>& values) {
  buffer->put(reinterpret_cast<const std::byte*>(values.data()), values.size() * sizeof(float));
}

class DevicePassing : public DeviceCalls {
 protected:
  static WorldOptions coded(const Placement& nodes, bool shm, const char* algorithm) {
    return with(options_for(nodes, shm), [algorithm](int, Config& config) {
      config.codec = "bf16";
      config.env.algo = algorithm;
    });
  }
  WorldOptions counted(int nranks) const {
    WorldOptions options = coded(one_node(nranks), false, "ring");
    options.wrap = counting(traffic_);
    return options;
  }
  // What is sent to other nodes, and comes from them, lies in device memory.
  WorldOptions direct(const Placement& nodes, const char* algorithm) const {
    WorldOptions options =
        with(coded(nodes, true, algorithm), [](int, Config& config) { config.env.device_direct = 1; });
    options.wrap = [traffic = direct_, device = device_](int, std::unique_ptr<Transport> real) {
      return std::make_unique<DirectTransport>(std::move(real), device, traffic);
    };
    return options;
  }

  static void broadcast(Reducing* ranks, int seed) {
    const std::vector<float> due = numbers(seed);
    for (int rank = 0; rank < ranks->world().nranks(); ++rank) fill(&ranks->buffer(rank), -1);
    put(&ranks->buffer(kRoot), due);
    ranks->together([&](int rank) { return ranks->broadcast(rank, kRoot); });
    for (int rank = 0; rank < ranks->world().nranks(); ++rank) EXPECT_EQ(floats(ranks->buffer(rank)), due) << rank;
  }
  // `on_host`: a rank that calls with host memory.
  static void broadcast_past(Reducing* ranks, int on_host) {
    const std::vector<float> due = numbers(7);
    std::vector<float> host = on_host == kRoot ? due : std::vector<float>(kLong);
    put(&ranks->buffer(kRoot), due);
    for (int rank = 0; rank < ranks->world().nranks(); ++rank) {
      if (rank == on_host) continue;
      ASSERT_EQ(ranks->broadcast(rank, kRoot), collSuccess);
    }
    ASSERT_EQ(
        collBroadcast(host.data(), host.data(), kLong, collFloat32, kRoot, ranks->world().handle(on_host), nullptr),
        collSuccess);
    EXPECT_EQ(host, due);
    for (int rank = 0; rank < ranks->world().nranks(); ++rank) {
      if (rank == on_host) continue;
      ASSERT_TRUE(ranks->stream(rank).synchronize().ok());
      EXPECT_EQ(floats(ranks->buffer(rank)), due) << rank;
    }
  }

  const std::shared_ptr<Traffic> traffic_ = std::make_shared<Traffic>();
  const std::shared_ptr<DirectTraffic> direct_ = std::make_shared<DirectTraffic>();
};

TEST_F(DevicePassing, LendsWhatEachRankOfARingHandsOn) {
  for (const int nranks : {3, 4}) {
    Reducing ranks(device_, counted(nranks));
    ASSERT_TRUE(ranks.world().ok()) << ranks.world().why();
    for (int turn = 0; turn < kToKnowEachOther; ++turn) broadcast(&ranks, turn);
    traffic_->bytes = traffic_->loans = 0;
    const size_t before = device_->reached();
    broadcast(&ranks, 9);
    EXPECT_GE(traffic_->loans, static_cast<size_t>(nranks - 1));
    EXPECT_LT(traffic_->bytes, kLong * sizeof(float) / 50) << "what else is sent is short";
    EXPECT_GT(device_->reached(), before);
  }
}

// To a rank that takes no loans a message is copied to where the host may send it from; what comes from one is read
// once over the bus, and lent from there on.
TEST_F(DevicePassing, GoesOnFromAndToRanksThatCallWithHostMemory) {
  for (int on_host = 0; on_host < 4; ++on_host) {
    Reducing ranks(device_, counted(4));
    ASSERT_TRUE(ranks.world().ok()) << ranks.world().why();
    for (int turn = 0; turn < kToKnowEachOther; ++turn) broadcast(&ranks, turn);
    traffic_->bytes = traffic_->loans = 0;
    broadcast_past(&ranks, on_host);
    EXPECT_GT(traffic_->loans, 0U) << on_host;
    EXPECT_GT(traffic_->bytes, kLong * sizeof(float) / 4) << on_host;
  }
}

TEST_F(DevicePassing, LendsWhatHasComeFromAnotherNode) {
  Reducing ranks(device_, direct(blocks({1, 3}), "hier_direct"));
  ASSERT_TRUE(ranks.world().ok()) << ranks.world().why();
  for (int turn = 0; turn < kToKnowEachOther; ++turn) broadcast(&ranks, turn);
  direct_->sent = direct_->received = direct_->beside = 0;
  const size_t before = device_->reached();
  broadcast(&ranks, 9);
  EXPECT_GT(device_->reached(), before);
  EXPECT_GT(direct_->sent, 0U);
  EXPECT_EQ(direct_->received, direct_->sent) << "it comes to device memory, though ranks of the node get it, too";
  EXPECT_LT(direct_->beside, kLong * sizeof(float) / 50);
}

TEST_F(DevicePassing, SendsOnToOtherNodesFromDeviceMemory) {
  Reducing ranks(device_, direct(blocks({1, 1, 1}), "ring"));
  ASSERT_TRUE(ranks.world().ok()) << ranks.world().why();
  broadcast(&ranks, 0);
  EXPECT_GT(direct_->sent, 0U);
  EXPECT_EQ(direct_->received, direct_->sent);
  EXPECT_LT(direct_->beside, kLong * sizeof(float) / 50);
}

}  // namespace

}  // namespace coll::test
