// Calls of any length are kernels: plans for devices are cut so that a stream takes what a call gives it.
#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "collectives/device_load.hpp"
#include "runtime/choice.hpp"
#include "runtime/device_work.hpp"
#include "runtime/execution.hpp"
#include "tests/support/node_transport.hpp"
#include "tests/unit/collectives/shapes.hpp"
#include "transport/inproc/inproc.hpp"

namespace coll::test {

namespace {

constexpr size_t kVeryLong = size_t{8} << 30;  // bytes of the whole vector

// Ranks that are on devices, each of which reads the memory of all others of its node.
topo::Topology on_devices(topo::Topology topology) {
  topology.gpu_of.assign(static_cast<size_t>(topology.nranks), -1);
  return topology;
}

PlanQuery query_of(const topo::Topology& topology, collFunc_t func, const Codec* codec) {
  PlanQuery query = shapes::exact(func, kVeryLong / sizeof(float));
  if (has_block_per_rank(func)) query.count /= static_cast<size_t>(topology.nranks);
  query.codec = cost_of(codec, query.type, topology.rates);
  return query;
}

// One rank's.
class Orders {
 public:
  Orders(const topo::Topology& topology, int rank)
      : fabric_(topology.nranks), hub_(std::make_shared<inproc::Hub>(topology.nranks)) {
    const auto node_of = [&topology](int each) { return topology.node_of[static_cast<size_t>(each)]; };
    const auto of_node = [=, own = node_of(rank)](int each) { return node_of(each) == own; };
    fabric_.add(std::make_unique<NodeTransport>(make_inproc(hub_, rank), of_node), rank);
    peers_.emplace(fabric_, rank, topology.nranks);
  }

  // That each stream gets of a call by this plan, at most.
  size_t of(const PlanQuery& query, Plan plan, const std::shared_ptr<const Codec>& codec) {
    Call call{static_cast<Function>(query.func)};
    call.count = query.count;
    call.type = query.type;
    call.root = query.root;
    call.codec = codec;
    return device_room(call, {codec, std::make_shared<Plan>(std::move(plan))}, {&*peers_, nullptr}).orders;
  }

 private:
  Fabric fabric_;
  std::shared_ptr<inproc::Hub> hub_;
  std::optional<DevicePeers> peers_;
};

// By every algorithm that has kernels.
void expect_few_orders(const topo::Topology& topology, int rank, const std::shared_ptr<const Codec>& codec) {
  Orders orders(topology, rank);
  for (const Algorithm& algorithm : algorithm_registry()) {
    for (const collFunc_t func : shapes::kFuncs) {
      PlanQuery query = query_of(topology, func, codec.get());
      query.rank = rank;
      if (query.codec.lossy && !shapes::can_be_coded(func)) continue;
      if (!algorithm.serves(topology, query)) continue;
      const Plan plan = algorithm.plan(topology, query);
      if (!has_kernels(query, plan)) continue;
      EXPECT_LE(orders.of(query, plan, codec), kMostDeviceOrders)
          << shapes::describe(algorithm, topology, query) << " rank " << rank << ", " << plan.chunks << " chunks";
    }
  }
}

TEST(DeviceOrders, AreNoMoreThanAStreamTakes) {
  std::unique_ptr<Codec> int8;
  ASSERT_TRUE(make_codec("int8", &int8).ok());
  const std::shared_ptr<const Codec> codec = std::move(int8);
  for (const topo::Topology& shape :
       {shapes::even(1, 2), shapes::even(1, 3), shapes::even(1, 8), shapes::even(2, 2), shapes::even(4, 8),
        shapes::even(3, 2), shapes::blocks({3, 1, 2}), shapes::divided(shapes::even(2, 8), 2, 2),
        shapes::divided(shapes::even(7, 8), 2, 2), shapes::divided(shapes::even(9, 8), 2, 2)}) {
    const topo::Topology topology = on_devices(shape);
    // All ranks of some nodes: the others' differ in nothing but their places.
    for (int rank = 0; rank < topology.nranks; ++rank) {
      const int node = topology.node_of[static_cast<size_t>(rank)];
      if (node > 1 && node + 1 < static_cast<int>(topology.nodes.size())) continue;
      expect_few_orders(topology, rank, nullptr);
      expect_few_orders(topology, rank, codec);
    }
  }
}

// What all know decides, so that pieces are alike.
TEST(DeviceOrders, AreNotWhatEachRankCutsItsOwnPlanBy) {
  const topo::Topology topology = on_devices(shapes::blocks({3, 1, 2}));
  for (const Algorithm& algorithm : algorithm_registry()) {
    for (const collFunc_t func : shapes::kFuncs) {
      const PlanQuery query = query_of(topology, func, nullptr);
      if (!algorithm.serves(topology, query)) continue;
      const std::vector<Plan> plans = shapes::plans_of_all(algorithm, topology, query);
      for (const Plan& plan : plans) {
        EXPECT_EQ(plan.piece, plans[0].piece) << shapes::describe(algorithm, topology, query);
        EXPECT_EQ(plan.chunks, plans[0].chunks) << shapes::describe(algorithm, topology, query);
      }
    }
  }
}

// They are for what a stream takes: shorter calls are cut as ever.
TEST(DeviceOrders, LengthenOnlyPiecesThatWouldBeTooMany) {
  const topo::Topology topology = on_devices(shapes::even(1, 2));
  PlanQuery query = shapes::exact(collFuncAllReduce, size_t{64} << 18);
  const Algorithm& direct = shapes::named("direct");
  const size_t piece = direct.plan(topology, query).piece;
  query.count *= 4;
  EXPECT_LT(direct.plan(topology, query).piece, piece + piece / 20) << "but for what makes pieces even";
  query.count *= 64;
  EXPECT_GT(direct.plan(topology, query).piece, 20 * piece);
  query.chunk_bytes = size_t{1} << 20;
  EXPECT_EQ(direct.plan(topology, query).piece, (size_t{1} << 20) / sizeof(float) / 2) << "as it was asked for";
}

}  // namespace

}  // namespace coll::test
