// Communicators whose ranks are on devices when they are made: which GPUs those are, and that all ranks plan alike.
#include <array>

#include "tests/support/device_calls.hpp"
#include "topology/pci.hpp"

namespace coll::test {

namespace {

using topo::Topology;

constexpr int kNowhere = -1;

// A machine that has both devices, by their addresses, and six more.
constexpr const char* kMachine = COLL_TOPOLOGIES "/server_8_gpus.xml";

class DevicePlans : public DeviceCalls {
 protected:
  // Ranks whose threads are at these devices when the communicator is made.
  WorldOptions options_at(const std::vector<int>& devices, size_t staged_bytes = kStagedBytes) const {
    return with(options_for(one_node(static_cast<int>(devices.size()))), [=, this](int rank, Config& config) {
      config.env.topo_file = kMachine;
      config.env.staged_bytes = staged_bytes;
      const int device = devices[static_cast<size_t>(rank)];
      if (device == kNowhere) return;
      DevicePlace before;
      ASSERT_TRUE(device_->use(device, &before).ok());
    });
  }
};

std::string plan_of(World& world, int rank, size_t count, Function function = Function::kAllReduce) {
  Call call{function};
  call.count = count;
  call.type = collFloat32;
  std::string json;
  const Status status = world.communicator(rank).query_plan(call, &json);
  EXPECT_TRUE(status.ok()) << status.message();
  return json;
}

TEST_F(DevicePlans, RanksTellTheirGpus) {
  World world(options_at({1, 0, 1}));
  ASSERT_TRUE(world.ok()) << world.why();
  for (int rank = 0; rank < 3; ++rank) {
    const Topology& topology = world.communicator(rank).topology();
    EXPECT_EQ(topology.gpu_of.size(), 3u);
    for (int other = 0; other < 3; ++other) {
      const topo::Gpu* const gpu = topology.gpu_at(other);
      ASSERT_NE(gpu, nullptr) << "rank " << other << " by rank " << rank;
      EXPECT_EQ(topo::pci_text(gpu->path.back()), AsyncDevice::kAddresses[other == 1 ? 0 : 1]);
    }
  }
}

TEST_F(DevicePlans, TheLargestStagedBytesCountForAll) {
  World world(with(options_at({0, 1}), [](int rank, Config& config) {
    config.env.staged_bytes = rank == 0 ? kStagedBytes : 4 * kStagedBytes;
  }));
  ASSERT_TRUE(world.ok()) << world.why();
  World host(options_at({kNowhere, kNowhere}));
  ASSERT_TRUE(host.ok()) << host.why();
  const size_t most = 4 * kStagedBytes / sizeof(float);
  for (int rank = 0; rank < 2; ++rank) {
    EXPECT_EQ(world.communicator(rank).topology().staged_bytes, 4 * kStagedBytes);
    EXPECT_EQ(plan_of(world, rank, most), plan_of(host, rank, most));
    EXPECT_NE(plan_of(world, rank, most + 1), plan_of(host, rank, most + 1));
    EXPECT_EQ(plan_of(world, rank, most / 2, Function::kAllGather),
              plan_of(host, rank, most / 2, Function::kAllGather));
    EXPECT_NE(plan_of(world, rank, most, Function::kAllGather), plan_of(host, rank, most, Function::kAllGather));
  }
}

// A thread that has no context gets none by being asked, and says nothing of its device.
TEST_F(DevicePlans, ARankThatIsNowhereKeepsThePlansOfTheHost) {
  World host(options_at({kNowhere, kNowhere}));
  ASSERT_TRUE(host.ok()) << host.why();
  EXPECT_TRUE(device_->contexts().empty());
  World world(options_at({0, kNowhere}));
  ASSERT_TRUE(world.ok()) << world.why();
  for (int rank = 0; rank < 2; ++rank) {
    EXPECT_FALSE(world.communicator(rank).topology().on_devices());
    EXPECT_EQ(plan_of(world, rank, kLong), plan_of(host, rank, kLong));
  }
}

TEST_F(DevicePlans, OfRanksWithMemoryOfBothKindsAreOne) {
  World world(options_at({0, 1}));
  ASSERT_TRUE(world.ok()) << world.why();
  std::array<std::string, 2> plans;
  world.run([&](int rank, Communicator&) {
    const size_t bytes = kLong * sizeof(float);
    if (rank == 0) {
      std::vector<float> values(kLong, 1);
      ASSERT_EQ(collAllReduce(values.data(), values.data(), kLong, collFloat32, collSum, world.handle(rank), nullptr),
                collSuccess)
          << collGetLastError(nullptr);
      for (const float value : values) ASSERT_EQ(value, 3);
    } else {
      DevicePlace before;
      ASSERT_TRUE(device_->use(rank, &before).ok());
      DeviceBuffer buffer(*device_, bytes);
      fill(&buffer, 2);
      const DeviceStream stream(*device_);
      ASSERT_EQ(all_reduce(buffer, buffer, world.handle(rank), stream.get()), collSuccess) << collGetLastError(nullptr);
      ASSERT_TRUE(stream.synchronize().ok());
      expect_all(buffer, 3);
    }
    plans[static_cast<size_t>(rank)] = plan_of(world, rank, kLong);
  });
  // But for the numbers of the ranks in their steps.
  for (const char* part : {"\"algorithm\":", "\"chunks\":", "\"predicted_us\":"}) {
    const auto value = [&](const std::string& json) {
      const size_t at = json.find(part);
      EXPECT_NE(at, std::string::npos) << part << " in " << json;
      return json.substr(at, json.find(',', at) - at);
    };
    EXPECT_EQ(value(plans[0]), value(plans[1]));
  }
  EXPECT_GT(device_->hops(), 0) << "the call ran on the device";
  for (int rank = 0; rank < 2; ++rank) EXPECT_TRUE(world.communicator(rank).finalize().ok());
}

}  // namespace

}  // namespace coll::test
