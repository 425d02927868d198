// Calls of any length are kernels: plans for devices are cut so that a stream takes what a call gives it.
#include <gtest/gtest.h>

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

class Orders {
 public:
  Orders(const topo::Topology& topology, std::shared_ptr<const Codec> codec)
      : topology_(topology), codec_(std::move(codec)) {}

  PlanQuery query(collFunc_t func) const {
    PlanQuery query = shapes::exact(func, kVeryLong / sizeof(float));
    if (has_block_per_rank(func)) query.count /= static_cast<size_t>(topology_.nranks);
    query.codec = cost_of(codec_.get(), query.type, topology_.rates);
    return query;
  }

  // That each stream gets of a call by this plan, at most.
  size_t of(const PlanQuery& query, Plan plan) const {
    Call call{static_cast<Function>(query.func)};
    call.count = query.count;
    call.type = query.type;
    call.root = query.root;
    call.codec = codec_;
    Fabric fabric(topology_.nranks);
    const auto node_of = [this](int rank) { return topology_.node_of[static_cast<size_t>(rank)]; };
    const auto of_node = [=, own = node_of(query.rank)](int rank) { return node_of(rank) == own; };
    auto transport = make_inproc(std::make_shared<inproc::Hub>(topology_.nranks), query.rank);
    fabric.add(std::make_unique<NodeTransport>(std::move(transport), of_node), query.rank);
    DevicePeers peers(fabric, query.rank, topology_.nranks);
    return device_room(call, {codec_, std::make_shared<Plan>(std::move(plan))}, {&peers, nullptr}).orders;
  }

 private:
  const topo::Topology& topology_;
  const std::shared_ptr<const Codec> codec_;
};

// Of all ranks, by every algorithm that has kernels.
void expect_few_orders(const topo::Topology& topology, const std::shared_ptr<const Codec>& codec) {
  const Orders orders(topology, codec);
  for (const Algorithm& algorithm : algorithm_registry()) {
    for (const collFunc_t func : shapes::kFuncs) {
      PlanQuery query = orders.query(func);
      if (query.codec.lossy && !shapes::can_be_coded(func)) continue;
      if (!algorithm.serves(topology, query)) continue;
      for (query.rank = 0; query.rank < topology.nranks; ++query.rank) {
        const Plan plan = algorithm.plan(topology, query);
        if (!has_kernels(query, plan)) continue;
        EXPECT_LE(orders.of(query, plan), kMostDeviceOrders) << shapes::describe(algorithm, topology, query) << " rank "
                                                             << query.rank << ", " << plan.chunks << " chunks";
      }
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
    expect_few_orders(topology, nullptr);
    expect_few_orders(topology, codec);
  }
}

// What all know decides, so that pieces are alike.
TEST(DeviceOrders, AreNotWhatEachRankCutsItsOwnPlanBy) {
  const topo::Topology topology = on_devices(shapes::blocks({3, 1, 2}));
  const Orders orders(topology, nullptr);
  for (const Algorithm& algorithm : algorithm_registry()) {
    for (const collFunc_t func : shapes::kFuncs) {
      const PlanQuery query = orders.query(func);
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
