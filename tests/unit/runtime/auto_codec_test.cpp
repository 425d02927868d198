// Codec auto in calls: what it chooses follows from the tuning file of rank 0 and from what was asked, all ranks choose
// alike, and what it promised holds.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/support/directory.hpp"
#include "tests/support/world.hpp"
#include "topology/tuning_file.hpp"

namespace coll::test {

namespace {

using Json = nlohmann::ordered_json;
using SharedCodec = std::shared_ptr<const Codec>;

constexpr size_t kCount = size_t{1} << 18;

SharedCodec codec(const std::string& spec) {
  std::unique_ptr<Codec> made;
  const Status status = make_codec(spec, &made);
  EXPECT_TRUE(status.ok()) << status.message();
  return made;
}

// Rates of a machine that is made up.
struct Machine {
  double link_gbs = 1;
  double codec_gbs = 10;
};

class Files : public testing::Test {
 protected:
  std::string write(const std::string& name, const Machine& machine) const {
    topo::TuningFile file;
    file.machine = topo::this_machine();
    for (auto& link : file.links) link = topo::LinkCost{1, machine.link_gbs};
    for (const CodecEntry& entry : codec_registry()) {
      EXPECT_TRUE(file.rates.set_codec(entry.name, machine.codec_gbs, machine.codec_gbs));
    }
    const std::string path = folder_.path() / name;
    EXPECT_TRUE(topo::write_tuning(path, file).ok());
    return path;
  }

  Directory folder_;
};

WorldOptions with_files(const Placement& node_of, const std::function<std::string(int rank)>& file_of) {
  WorldOptions options{node_of};
  options.edit = [file_of](int rank, Config& config) { config.env.tuning_file = file_of(rank); };
  return options;
}

std::string chosen(Communicator& communicator, const std::string& spec, size_t count = kCount,
                   Function function = Function::kAllReduce, RedOp op = collSum, DataType type = collFloat32) {
  Call call{function};
  call.count = count;
  call.type = type;
  call.op = op;
  call.codec = codec(spec);
  std::string json;
  const Status status = communicator.query_plan(call, &json);
  EXPECT_TRUE(status.ok()) << status.message();
  return Json::parse(json).value("codec", "?");
}

TEST_F(Files, SlowLinksMakeItCompressAndSlowCodecsExact) {
  const std::string slow_link = write("slow_link", {0.05, 20}), slow_codec = write("slow_codec", {2, 0.05});
  for (const Placement& node_of : {one_node(4), blocks({2, 2}), blocks({1, 2, 1})}) {
    World compresses(with_files(node_of, [&](int) { return slow_link; }));
    World stays_exact(with_files(node_of, [&](int) { return slow_codec; }));
    ASSERT_TRUE(compresses.ok() && stays_exact.ok()) << compresses.why() << stays_exact.why();
    for (int rank = 0; rank < 4; ++rank) {
      EXPECT_EQ(chosen(compresses.communicator(rank), "auto"), "int8");
      EXPECT_EQ(chosen(compresses.communicator(rank), "auto:rel=0.5"), "int4");
      EXPECT_EQ(chosen(stays_exact.communicator(rank), "auto"), "none");
      EXPECT_EQ(chosen(stays_exact.communicator(rank), "auto:rel=0.5"), "none");
    }
  }
}

TEST_F(Files, WhatIsAskedForLimitsTheChoice) {
  const std::string slow_link = write("slow_link", {0.01, 20});
  World world(with_files(one_node(4), [&](int) { return slow_link; }));
  ASSERT_TRUE(world.ok()) << world.why();
  Communicator& communicator = world.communicator(0);
  EXPECT_EQ(chosen(communicator, "auto:rel=0.0039"), "none");
  EXPECT_EQ(chosen(communicator, "auto:abs=1"), "none") << "without data";
  EXPECT_EQ(chosen(communicator, "auto", 1), "none") << "nothing to gain";
  EXPECT_EQ(chosen(communicator, "auto", kCount, Function::kAllReduce, collSum, collInt32), "none");
  EXPECT_EQ(chosen(communicator, "auto", kCount, Function::kAllReduce, collProd), "none");
  EXPECT_EQ(chosen(communicator, "auto", kCount, Function::kReduceScatter), "int8");
  EXPECT_EQ(chosen(communicator, "auto:rel=0.08", kCount, Function::kAllGather), "int4") << "one encoding";
  EXPECT_EQ(chosen(communicator, "auto:rel=0.08"), "int8") << "int4 would encode twice";
}

TEST_F(Files, RankZerosFileCountsForAll) {
  const std::string slow_link = write("slow_link", {0.05, 20}), slow_codec = write("slow_codec", {2, 0.05});
  World world(with_files(blocks({2, 2}), [&](int rank) { return rank == 0 ? slow_link : slow_codec; }));
  World others(with_files(blocks({2, 2}), [&](int rank) { return rank == 0 ? slow_codec : "/no/such/file"; }));
  ASSERT_TRUE(world.ok() && others.ok()) << world.why() << others.why();
  for (int rank = 0; rank < 4; ++rank) {
    EXPECT_EQ(chosen(world.communicator(rank), "auto"), "int8");
    EXPECT_EQ(chosen(others.communicator(rank), "auto"), "none");
  }
}

TEST_F(Files, LinksOfTheEnvironmentWin) {
  const std::string fast = write("fast", {100, 1});
  WorldOptions options{one_node(4)};
  options.edit = [&](int, Config& config) {
    config.env.tuning_file = fast;
    config.env.topo_links = "shm=1us/10MBs";
  };
  World world(options);
  World without(with_files(one_node(4), [&](int) { return fast; }));
  ASSERT_TRUE(world.ok() && without.ok()) << world.why() << without.why();
  EXPECT_EQ(chosen(world.communicator(0), "auto"), "int8");
  EXPECT_EQ(chosen(without.communicator(0), "auto"), "none");
}

TEST_F(Files, ANamedFileThatCannotBeUsedFailsOnEveryRank) {
  World world(with_files(one_node(3), [&](int) { return std::string("/no/such/file"); }));
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(world.created(rank).code(), collInvalidArgument);
    for (const char* part : {"/no/such/file", "COLL_TUNING_FILE", "coll_tune"}) {
      EXPECT_NE(world.created(rank).message().find(part), std::string::npos) << world.created(rank).message();
    }
  }
}

TEST_F(Files, DeterministicCallsStayExact) {
  WorldOptions options{one_node(4)};
  const std::string slow_link = write("slow_link", {0.01, 20});
  options.edit = [&](int, Config& config) {
    config.env.tuning_file = slow_link;
    config.deterministic = true;
  };
  World world(options);
  ASSERT_TRUE(world.ok()) << world.why();
  EXPECT_EQ(chosen(world.communicator(0), "auto"), "none");
}

// Results of an allreduce by rank, with the communicator's default codec `spec` and through the C API.
std::vector<std::vector<float>> all_reduce(World& world, const std::vector<std::vector<float>>& inputs) {
  std::vector<std::vector<float>> results(inputs.size());
  world.run([&](int rank, Communicator&) {
    const std::vector<float>& input = inputs[static_cast<size_t>(rank)];
    std::vector<float>& result = results[static_cast<size_t>(rank)];
    result.resize(input.size());
    EXPECT_EQ(
        collAllReduce(input.data(), result.data(), input.size(), collFloat32, collSum, world.handle(rank), nullptr),
        collSuccess)
        << collGetLastError(nullptr);
  });
  return results;
}

std::vector<std::vector<float>> random_inputs(size_t ranks, size_t count) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<std::vector<float>> inputs(ranks, std::vector<float>(count));
  for (std::vector<float>& input : inputs) {
    for (float& x : input) x = normal(random);
  }
  return inputs;
}

TEST_F(Files, DefaultCodecKeepsItsBoundAndCountsExactCalls) {
  const std::string slow_link = write("slow_link", {0.01, 20});
  for (const double rel : {0.01, 0.5}) {
    WorldOptions options = with_files(blocks({2, 2}), [&](int) { return slow_link; });
    const auto inner = options.edit;
    options.edit = [&](int rank, Config& config) {
      inner(rank, config);
      config.codec = text("auto:rel=", rel);
    };
    World world(options);
    ASSERT_TRUE(world.ok()) << world.why();
    const auto inputs = random_inputs(4, 100003);
    const auto results = all_reduce(world, inputs);
    double promised = 0, worst = 0;
    for (const std::vector<float>& input : inputs) {
      promised += std::abs(
          *std::max_element(input.begin(), input.end(), [](float a, float b) { return std::abs(a) < std::abs(b); }));
    }
    promised *= rel;
    for (size_t i = 0; i < results[0].size(); ++i) {
      double sum = 0;
      for (const std::vector<float>& input : inputs) sum += input[i];
      worst = std::max(worst, std::abs(results[0][i] - sum));
    }
    EXPECT_LE(worst, promised) << rel;
    EXPECT_GT(worst, promised / 1000) << "it did compress";
    for (const auto& result : results) EXPECT_EQ(result, results[0]);
    EXPECT_EQ(world.communicator(0).stats().compressed_calls, 1u);

    static_cast<void>(all_reduce(world, random_inputs(4, 1)));
    EXPECT_EQ(world.communicator(1).stats().compressed_calls, 1u);
    EXPECT_EQ(world.communicator(1).stats().exact_calls, 1u);
  }
}

TEST_F(Files, RanksThatAskForDifferentThingsAreToldApart) {
  World world(with_files(one_node(2), [](int) { return std::string("none"); }));
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator& communicator) {
    std::vector<float> data(8);
    Call call{Function::kAllReduce};
    call.send = reinterpret_cast<std::byte*>(data.data());
    call.recv = reinterpret_cast<std::byte*>(data.data());
    call.count = data.size();
    call.type = collFloat32;
    call.codec = codec(rank == 0 ? "auto" : "auto:rel=0.5");
    const Status status = communicator.run(call, nullptr);
    EXPECT_EQ(status.code(), collInvalidUsage);
    EXPECT_NE(status.message().find("auto:rel=0.5"), std::string::npos) << status.message();
  });
}

}  // namespace

}  // namespace coll::test
