// Messages that change on their way: whoever receives one returns collCorruptData with sender, step and elements, and
// everybody else learns of it.
#include "tests/fault/faulty_transport.hpp"
#include "tests/fault/outcome.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

namespace {

constexpr int kRanks = 4;
constexpr int kSender = 1;
constexpr size_t kCount = 20003;

struct Shape {
  std::string algo;
  Placement node_of;
  const char* codec = "none";
};

struct Injury {
  std::string name;
  Damage damage;
  int check;
};

const char* func_of(const Shape& shape) {
  return shape.algo == "scatter" || shape.algo == "tree" ? "broadcast" : "allreduce";
}

Outcome call(collComm_t comm, const Shape& shape) {
  std::vector<float> send(kCount), recv(kCount);
  for (size_t i = 0; i < kCount; ++i) send[i] = static_cast<float>(i % 1000) - 500;
  return outcome_of(comm, [&] {
    if (std::string_view(func_of(shape)) == "broadcast") {
      return collBroadcast(send.data(), recv.data(), kCount, collFloat32, kSender, comm, nullptr);
    }
    return collAllReduce(send.data(), recv.data(), kCount, collFloat32, collSum, comm, nullptr);
  });
}

WorldOptions options_for(const Shape& shape, const Fault& fault, int check) {
  WorldOptions options{.node_of = shape.node_of};
  options.edit = [&shape, check](int, Config& config) {
    config.timeout_ms = 20000;
    config.check = check;
    config.codec = shape.codec;
    config.env.algo = shape.algo;
    config.env.chunk_bytes = kCount;  // four chunks
    config.env.debug = "NONE";
  };
  options.wrap = [fault](int rank, std::unique_ptr<Transport> real) -> std::unique_ptr<Transport> {
    if (rank != kSender) return real;
    return std::make_unique<FaultyTransport>(std::move(real), fault);
  };
  return options;
}

// Every rank's first failure; ranks that got through the damaged call learn of it when they wait for the others.
std::vector<Outcome> run_until_failure(World& world, const Shape& shape) {
  std::vector<Outcome> outcomes(kRanks);
  world.run([&](int rank, Communicator&) {
    const collComm_t comm = world.handle(rank);
    Outcome& outcome = outcomes[static_cast<size_t>(rank)];
    outcome = call(comm, shape);
    if (outcome.code == collSuccess) outcome = outcome_of(comm, [&] { return collBarrier(comm, nullptr); });
  });
  return outcomes;
}

void expect_found(const std::vector<Outcome>& outcomes) {
  int found = 0;
  for (int rank = 0; rank < kRanks; ++rank) {
    const Outcome& outcome = outcomes[static_cast<size_t>(rank)];
    EXPECT_LT(outcome.ms, 10000) << "rank " << rank << ": " << outcome;
    if (outcome.code == collCorruptData) {
      ++found;
      EXPECT_NE(rank, kSender);
      EXPECT_TRUE(outcome.says(text("rank ", kSender, "'s message for elements "))) << outcome;
      EXPECT_TRUE(outcome.says("step ")) << outcome;
    } else {
      EXPECT_EQ(outcome.code, collRemoteError) << "rank " << rank << ": " << outcome;
      EXPECT_TRUE(outcome.says(" gave up")) << "rank " << rank << ": " << outcome;
      EXPECT_TRUE(outcome.says(text("rank ", kSender, "'s message for elements ")))
          << "rank " << rank << ": " << outcome;
    }
  }
  EXPECT_GE(found, 1);
}

class Damaged : public testing::TestWithParam<std::tuple<Shape, Injury>> {};

TEST_P(Damaged, IsFoundByTheReceiver) {
  const auto& [shape, injury] = GetParam();
  for (const int message : {0, 1, 2}) {
    SCOPED_TRACE(text("message ", message));
    World world(options_for(shape, {injury.damage, message}, injury.check));
    ASSERT_TRUE(world.ok()) << world.why();
    const auto outcomes = run_until_failure(world, shape);
    expect_found(outcomes);
    for (int rank = 0; rank < kRanks; ++rank) expect_poisoned(world.handle(rank), outcomes[static_cast<size_t>(rank)]);
  }
}

const Shape kShapes[] = {{"direct", one_node(kRanks)},
                         {"ring", one_node(kRanks)},
                         {"doubling", one_node(kRanks)},
                         {"oneshot", one_node(kRanks)},
                         {"tree", one_node(kRanks)},
                         {"scatter", one_node(kRanks)},
                         {"hier_direct", blocks({2, 2})},
                         {"hier_ring", blocks({2, 2})},
                         {"direct", one_node(kRanks), "int8"},
                         {"direct", one_node(kRanks), "bf16"},
                         {"hier_direct", blocks({2, 2}), "int4"}};

std::string name_of(const testing::TestParamInfo<std::tuple<Shape, Injury>>& tested) {
  const auto& [shape, injury] = tested.param;
  return text(shape.algo, "_", shape.codec, "_", injury.name);
}

INSTANTIATE_TEST_SUITE_P(Messages, Damaged,
                         testing::Combine(testing::ValuesIn(kShapes),
                                          testing::Values(Injury{"Flipped", Damage::kFlipBit, 2},
                                                          Injury{"Truncated", Damage::kTruncate, 2},
                                                          Injury{"TruncatedUnchecked", Damage::kTruncate, 0},
                                                          Injury{"ExtendedUnchecked", Damage::kExtend, 0})),
                         name_of);

// The same with nothing damaged: what the tests above see is the damage.
TEST(Undamaged, CallsSucceed) {
  for (const Shape& shape : kShapes) {
    for (const int check : {0, 1, 2}) {
      World world(options_for(shape, {}, check));
      ASSERT_TRUE(world.ok()) << world.why();
      for (const Outcome& outcome : run_until_failure(world, shape)) {
        EXPECT_EQ(outcome.code, collSuccess) << shape.algo << ": " << outcome;
      }
    }
  }
}

// What ranks compare before a call is looked at as well.
TEST(Damaged, FingerprintIsFound) {
  WorldOptions options{.node_of = one_node(2)};
  options.edit = [](int, Config& config) { config.env.debug = "NONE"; };
  options.wrap = [](int rank, std::unique_ptr<Transport> real) -> std::unique_ptr<Transport> {
    if (rank != kSender) return real;
    return std::make_unique<FaultyTransport>(std::move(real), Fault{Damage::kTruncate, 0, 0});
  };
  World world(options);
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    Outcome outcome = outcome_of(world.handle(rank), [&] { return collBarrier(world.handle(rank), nullptr); });
    if (rank == kSender && outcome.code == collSuccess) outcome = sum_of_ones(world.handle(rank), 1);
    EXPECT_EQ(outcome.code, rank == kSender ? collRemoteError : collCorruptData) << outcome;
    EXPECT_TRUE(outcome.says("fingerprint")) << outcome;
  });
}

}  // namespace

}  // namespace coll::test
