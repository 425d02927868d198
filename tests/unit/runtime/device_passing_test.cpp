// Messages that take two ways: what ranks hand on as it came, coded, and what goes to ranks of the node and of others.
#include <algorithm>
#include <memory>
#include <vector>

#include "tests/support/device_calls.hpp"
#include "tests/support/direct_transport.hpp"
#include "tests/support/loan_traffic.hpp"

namespace coll::test {

namespace {

constexpr int kToKnowEachOther = 2;  // calls: one publishes, the next opens

size_t block_of(const Reducing& ranks) { return kLong / static_cast<size_t>(ranks.nranks()); }

// All ranks' blocks: small numbers, which bf16 keeps as they are.
std::vector<float> gathered(const Reducing& ranks, int seed) {
  std::vector<float> values(block_of(ranks) * static_cast<size_t>(ranks.nranks()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>((i + static_cast<size_t>(seed)) % 251);
  return values;
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
  // What is sent to other nodes, and comes from them, lies in device memory, but for one rank.
  WorldOptions direct(const Placement& nodes, const char* algorithm, int without = -1) const {
    WorldOptions options =
        with(coded(nodes, true, algorithm), [](int, Config& config) { config.env.device_direct = 1; });
    options.wrap = [=, traffic = direct_, device = device_](int rank, std::unique_ptr<Transport> real) {
      if (rank == without) return real;
      return std::unique_ptr<Transport>(std::make_unique<DirectTransport>(std::move(real), device, traffic));
    };
    return options;
  }

  // In place: a rank has its block, and nothing of the others'.
  static std::vector<float> own_block(const Reducing& ranks, int rank, const std::vector<float>& all) {
    const size_t block = block_of(ranks);
    std::vector<float> values(kLong, -1);
    const auto first = static_cast<std::ptrdiff_t>(block * static_cast<size_t>(rank));
    std::copy_n(all.begin() + first, block, values.begin() + first);
    return values;
  }
  static void prepare(Reducing* ranks, int rank, const std::vector<float>& all) {
    const std::vector<float> values = own_block(*ranks, rank, all);
    ranks->buffer(rank).put(reinterpret_cast<const std::byte*>(values.data()), values.size() * sizeof(float));
  }
  static void expect_gathered(Reducing* ranks, int rank, const std::vector<float>& all) {
    std::vector<float> got = floats(ranks->buffer(rank));
    got.resize(all.size());
    EXPECT_EQ(got, all) << rank;
  }
  static collResult_t gather_at(Reducing* ranks, int rank, std::byte* buffer, collStream_t stream) {
    const size_t block = block_of(*ranks);
    return collAllGather(buffer + static_cast<size_t>(rank) * block * sizeof(float), buffer, block, collFloat32,
                         ranks->world().handle(rank), stream);
  }
  static collResult_t gather(Reducing* ranks, int rank) {
    return gather_at(ranks, rank, static_cast<std::byte*>(ranks->buffer(rank).data()), ranks->stream(rank).get());
  }

  static void gather_all(Reducing* ranks, int seed) {
    const std::vector<float> all = gathered(*ranks, seed);
    for (int rank = 0; rank < ranks->nranks(); ++rank) prepare(ranks, rank, all);
    ranks->together([&](int rank) { return gather(ranks, rank); });
    for (int rank = 0; rank < ranks->nranks(); ++rank) expect_gathered(ranks, rank, all);
  }
  static void meet(Reducing* ranks) {
    ASSERT_TRUE(ranks->world().ok()) << ranks->world().why();
    for (int turn = 0; turn < kToKnowEachOther; ++turn) gather_all(ranks, turn);
  }
  // ... of which some is read where it lies.
  void gather_all_with_loans(Reducing* ranks) const {
    const size_t before = device_->reached();
    gather_all(ranks, 9);
    EXPECT_GT(device_->reached(), before);
  }
  // The same, and then with each rank in turn on the host.
  void gather_in_every_way(Reducing* ranks) const {
    meet(ranks);
    gather_all_with_loans(ranks);
    for (int on_host = 0; on_host < ranks->nranks(); ++on_host) gather_past(ranks, on_host);
  }
  // `on_host`: a rank that calls with host memory.
  static void gather_past(Reducing* ranks, int on_host) {
    const std::vector<float> all = gathered(*ranks, 7);
    std::vector<float> host = own_block(*ranks, on_host, all);
    for (int rank = 0; rank < ranks->nranks(); ++rank) {
      if (rank == on_host) continue;
      prepare(ranks, rank, all);
      ASSERT_EQ(gather(ranks, rank), collSuccess);
    }
    ASSERT_EQ(gather_at(ranks, on_host, reinterpret_cast<std::byte*>(host.data()), nullptr), collSuccess);
    host.resize(all.size());
    EXPECT_EQ(host, all);
    for (int rank = 0; rank < ranks->nranks(); ++rank) {
      if (rank == on_host) continue;
      ASSERT_TRUE(ranks->stream(rank).synchronize().ok());
      expect_gathered(ranks, rank, all);
    }
  }

  const std::shared_ptr<Traffic> traffic_ = std::make_shared<Traffic>();
  const std::shared_ptr<DirectTraffic> direct_ = std::make_shared<DirectTraffic>();
};

TEST_F(DevicePassing, LendsWhatEachRankOfARingHandsOn) {
  for (const int nranks : {3, 4}) {
    Reducing ranks(device_, counted(nranks));
    meet(&ranks);
    traffic_->bytes = traffic_->loans = 0;
    gather_all(&ranks, 9);
    EXPECT_GE(traffic_->loans, static_cast<size_t>(nranks * (nranks - 1)));
    EXPECT_LT(traffic_->bytes, kLong * sizeof(float) / 50) << "what else is sent is short";
  }
}

// To a rank that takes no loans a message is copied to where the host may send it from; what comes from one is read
// once over the bus, and lent from there on.
TEST_F(DevicePassing, GoesOnFromAndToRanksThatCallWithHostMemory) {
  for (int on_host = 0; on_host < 4; ++on_host) {
    Reducing ranks(device_, counted(4));
    meet(&ranks);
    traffic_->bytes = traffic_->loans = 0;
    gather_past(&ranks, on_host);
    EXPECT_GT(traffic_->loans, 0U) << on_host;
    EXPECT_GT(traffic_->bytes, kLong * sizeof(float) / 4) << on_host;
  }
}

TEST_F(DevicePassing, LendsWhatHasComeFromAnotherNode) {
  Reducing ranks(device_, direct(blocks({1, 3}), "hier_direct", 0));
  meet(&ranks);
  direct_->received = 0;
  gather_all_with_loans(&ranks);
  EXPECT_GT(direct_->received, 0U) << "it comes to device memory, though ranks of the node get it, too";
  gather_past(&ranks, 1);
}

// Where nothing can be lent, the host has to send it to ranks of the node.
TEST_F(DevicePassing, BringsToPinnedMemoryWhatItCannotLend) {
  device_->forbid_sharing(true);
  {
    Reducing ranks(device_, direct(blocks({1, 3}), "hier_direct", 0));
    ASSERT_TRUE(ranks.world().ok()) << ranks.world().why();
    gather_all(&ranks, 3);
    EXPECT_GT(direct_->received, 0U);
    EXPECT_EQ(device_->reached(), 0U);
  }
  device_->forbid_sharing(false);
}

// A rank's block goes to one that reads it where it lies, and to another node.
TEST_F(DevicePassing, LendsToTheNodeWhatOtherNodesGetAsAMessage) {
  for (const char* const codec : {"none", "bf16"}) {
    Reducing ranks(device_,
                   with(direct(blocks({2, 1}), "direct"), [codec](int, Config& config) { config.codec = codec; }));
    SCOPED_TRACE(codec);
    gather_in_every_way(&ranks);
  }
}

// What a node has heard of the one before it hands to its own ranks, and to the next node.
TEST_F(DevicePassing, GoesOnToTheNodeAndToTheNext) {
  for (const char* const codec : {"none", "bf16"}) {
    for (const int asks : {0, 1}) {
      Reducing ranks(device_, with(direct(blocks({2, 2, 2}), "hier_ring"), [=](int, Config& config) {
                       config.codec = codec;
                       config.env.device_direct = asks;
                     }));
      SCOPED_TRACE(codec);
      gather_in_every_way(&ranks);
    }
  }
}

TEST_F(DevicePassing, SendsOnToOtherNodesFromDeviceMemory) {
  Reducing ranks(device_, direct(blocks({1, 1, 1}), "ring"));
  ASSERT_TRUE(ranks.world().ok()) << ranks.world().why();
  gather_all(&ranks, 0);
  EXPECT_GT(direct_->sent, 0U);
  EXPECT_EQ(direct_->received, direct_->sent);
  EXPECT_LT(direct_->beside, kLong * sizeof(float) / 50);
}

}  // namespace

}  // namespace coll::test
