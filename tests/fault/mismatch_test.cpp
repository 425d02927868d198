// Ranks that do not make the same call: all of them return collInvalidUsage and hold both fingerprints.
#include "tests/fault/outcome.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

namespace {

constexpr int kOddOne = 2;

struct Made {
  size_t count = 1000;
  collDataType_t type = collFloat32;
  collRedOp_t op = collSum;
  int root = 0;
  const char* codec = nullptr;
  Function function = Function::kAllReduce;
};

Outcome make(collComm_t comm, const Made& call) {
  std::vector<double> send(20000, 1);
  std::vector<double> recv(20000);
  collCodec_t codec = nullptr;
  if (call.codec != nullptr) {
    EXPECT_EQ(collCodecCreate(&codec, call.codec), collSuccess);
  }
  const Outcome outcome = outcome_of(comm, [&] {
    const void* in = send.data();
    void* out = recv.data();
    switch (call.function) {
      case Function::kReduceScatter:
        return collReduceScatter(in, out, call.count, call.type, call.op, comm, nullptr);
      case Function::kAllGather:
        return collAllGather(in, out, call.count, call.type, comm, nullptr);
      case Function::kBroadcast:
        return collBroadcast(in, out, call.count, call.type, call.root, comm, nullptr);
      case Function::kBarrier:
        return collBarrier(comm, nullptr);
      default:
        if (codec == nullptr) return collAllReduce(in, out, call.count, call.type, call.op, comm, nullptr);
        return collAllReduceCompressed(in, out, call.count, call.type, call.op, codec, comm, nullptr);
    }
  });
  EXPECT_EQ(collCodecDestroy(codec), collSuccess);
  return outcome;
}

struct Disagreement {
  std::string name;
  Made all;
  Made odd;
  std::string all_words;  // of rank 0's fingerprint
  std::string odd_words;
};

class Mismatch : public testing::TestWithParam<std::tuple<Disagreement, int>> {};

TEST_P(Mismatch, ShowsBothFingerprintsOnEveryRank) {
  const auto& [disagreement, nranks] = GetParam();
  WorldOptions options{.node_of = blocks({2, nranks - 2})};
  options.edit = [](int, Config& config) { config.env.debug = "NONE"; };
  World world(options);
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&, &case_of = disagreement](int rank, Communicator&) {
    const collComm_t comm = world.handle(rank);
    EXPECT_EQ(sum_of_ones(comm, 5).code, collSuccess);
    const Outcome outcome = make(comm, rank == kOddOne ? case_of.odd : case_of.all);
    EXPECT_EQ(outcome.code, collInvalidUsage) << "rank " << rank << ": " << outcome;
    EXPECT_TRUE(outcome.says(text("rank 0 calls ", case_of.all_words))) << "rank " << rank << ": " << outcome;
    EXPECT_TRUE(outcome.says(text("rank ", kOddOne, " calls ", case_of.odd_words)))
        << "rank " << rank << ": " << outcome;
    EXPECT_LT(outcome.ms, 5000);
    expect_poisoned(comm, outcome);
  });
}

const char* const kUsual = "allreduce #1 of 1000 float, op sum, root 0, codec none";

INSTANTIATE_TEST_SUITE_P(
    Calls, Mismatch,
    testing::Combine(
        testing::Values(
            Disagreement{"Count", {}, {.count = 999}, kUsual, "allreduce #1 of 999 float, op sum, root 0, codec none"},
            Disagreement{"CountOfZero", {}, {.count = 0}, kUsual, "allreduce #1 of 0 float"},
            Disagreement{"Type", {}, {.type = collInt32}, kUsual, "allreduce #1 of 1000 int32"},
            Disagreement{"Operator", {}, {.op = collMax}, kUsual, "allreduce #1 of 1000 float, op max"},
            Disagreement{"Root",
                         {.root = 1, .function = Function::kBroadcast},
                         {.root = 0, .function = Function::kBroadcast},
                         "broadcast #1 of 1000 float, op sum, root 1",
                         "broadcast #1 of 1000 float, op sum, root 0"},
            Disagreement{
                "Codec", {}, {.codec = "int8"}, kUsual, "allreduce #1 of 1000 float, op sum, root 0, codec int8"},
            Disagreement{"CodecKeys", {.codec = "int8"}, {.codec = "int8:block=64"}, "allreduce #1", "allreduce #1"},
            Disagreement{"Function", {}, {.count = 0, .function = Function::kBarrier}, kUsual, "barrier #1"},
            Disagreement{"Order",
                         {.function = Function::kReduceScatter},
                         {.function = Function::kAllGather},
                         "reduce-scatter #1 of 1000",
                         "allgather #1 of 1000"}),
        testing::Values(3, 5, 8)),
    [](const auto& tested) { return text(std::get<0>(tested.param).name, "On", std::get<1>(tested.param)); });

// With check=2 the comparison never ends, with check=1 it covers the first calls.
TEST(Check, TwoComparesEveryCall) {
  WorldOptions options{.node_of = one_node(3)};
  options.edit = [](int, Config& config) {
    config.check = 2;
    config.env.debug = "NONE";
  };
  World world(options);
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    const collComm_t comm = world.handle(rank);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(sum_of_ones(comm, 50).code, collSuccess);
    const Outcome outcome = make(comm, {.op = rank == 1 ? collMin : collMax});
    EXPECT_EQ(outcome.code, collInvalidUsage) << outcome;
    EXPECT_TRUE(outcome.says("rank 1 calls allreduce #100 of 1000 float, op min")) << outcome;
  });
}

}  // namespace

}  // namespace coll::test
