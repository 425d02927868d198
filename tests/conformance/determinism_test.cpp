// deterministic=1: an element's bits depend on the ranks' inputs of it (with a block codec: of its block) alone, not on
// the size of the call, the chunks it is cut into, the algorithm or the placement of the ranks.
#include <cstring>
#include <map>

#include "tests/conformance/cases.hpp"

namespace coll::test {

namespace {

constexpr int kRanks = 5;
constexpr size_t kWhole = 3000;

struct Arrangement {
  std::string name;
  Placement node_of;
  size_t chunk_bytes;
  std::string algorithm;
};

const Arrangement kArrangements[] = {
    {"one node", one_node(kRanks), 0, ""},
    {"one node, small chunks", one_node(kRanks), 512, ""},
    {"one node, larger chunks", one_node(kRanks), 6000, ""},
    {"two nodes", blocks({3, 2}), 0, ""},
    {"five nodes, small chunks", blocks({1, 1, 1, 1, 1}), 1024, ""},
    {"round robin", round_robin(kRanks, 2), 0, ""},
    {"no oneshot", one_node(kRanks), 0, "^oneshot"},
    {"direct", blocks({2, 3}), 0, "direct"},
};

struct Range {
  size_t begin;
  size_t count;
};

// Sizes that end anywhere, and ranges that begin at a multiple of every codec's block.
constexpr Range kRanges[] = {{0, kWhole}, {0, 1}, {0, 128}, {0, 1000}, {128, 1}, {256, 2000}, {1024, 1976}};

World world_of(const Arrangement& arrangement) {
  WorldOptions options{arrangement.node_of};
  options.edit = [&](int, Config& config) {
    config.deterministic = true;
    config.env.chunk_bytes = arrangement.chunk_bytes;
    config.env.algo = arrangement.algorithm;
  };
  return World(options);
}

// Runs a call on a range of the same long inputs; results by rank.
std::vector<Bytes> run(World& world, const Call& call, const Range& range) {
  std::vector<Bytes> results(kRanks);
  world.run([&](int rank, Communicator& communicator) {
    const size_t size = size_of(call.type);
    const Bytes input = make_input(call.type, {}, kRanks * kWhole, rank, kRanks);
    Bytes& result = results[static_cast<size_t>(rank)];
    result.resize(range.count * size);
    Call mine = call;
    mine.count = range.count;
    mine.send = input.data() + range.begin * size;
    mine.recv = result.data();
    const Status status = communicator.run(mine, nullptr);
    EXPECT_TRUE(status.ok()) << status.message();
  });
  return results;
}

// Elements of a call of `count` whose block has all its elements in the whole call's result too.
size_t comparable(const SharedCodec& codec, const Range& range) {
  if (!codec || range.begin + range.count == kWhole) return range.count;
  return range.count / codec->traits().block * codec->traits().block;
}

class Determinism : public testing::TestWithParam<size_t> {};

TEST_P(Determinism, AllReduceOfRanges) {
  Call call{Function::kAllReduce};
  call.codec = all_codecs()[GetParam()];
  std::map<DataType, Bytes> whole;  // results of the first arrangement
  for (const Arrangement& arrangement : kArrangements) {
    World world = world_of(arrangement);
    ASSERT_TRUE(world.ok()) << world.why();
    for (const DataType type : {collFloat32, collBfloat16, collFloat64}) {
      call.type = type;
      if (whole[type].empty()) whole[type] = run(world, call, {0, kWhole})[0];
      for (const Range& range : kRanges) {
        if (call.codec && call.codec->traits().rounding.random && range.begin > 0) continue;  // draws go by the index
        const size_t size = size_of(type);
        const auto first = whole[type].begin() + static_cast<std::ptrdiff_t>(range.begin * size);
        const auto bytes = static_cast<std::ptrdiff_t>(comparable(call.codec, range) * size);
        for (const Bytes& result : run(world, call, range)) {
          EXPECT_TRUE(std::equal(first, first + bytes, result.begin()))
              << arrangement.name << ", " << info(type).name << " [" << range.begin << ", +" << range.count << ")";
        }
      }
    }
  }
}

TEST_P(Determinism, ReduceScatterOverPlacementsAndChunks) {
  Call call{Function::kReduceScatter};
  call.type = collFloat32;
  call.op = collAvg;
  call.codec = all_codecs()[GetParam()];
  std::vector<Bytes> whole;
  for (const Arrangement& arrangement : kArrangements) {
    World world = world_of(arrangement);
    ASSERT_TRUE(world.ok()) << world.why();
    const std::vector<Bytes> results = run(world, call, {0, kWhole});
    if (whole.empty()) whole = results;
    EXPECT_TRUE(results == whole) << arrangement.name;
  }
}

// Every algorithm that admits deterministic calls, or is the only one allowed, gives the bits of a flat sum in rank
// order; what it does not serve is refused, not summed in another order.
TEST(Deterministic, EveryAlgorithmGivesTheSameBitsOrRefuses) {
  std::map<std::pair<DataType, RedOp>, Bytes> first;
  size_t given = 0;
  for (const Algorithm& algorithm : algorithm_registry()) {
    for (const Placement& node_of : {one_node(kRanks), blocks({2, 3})}) {
      World world = world_of({std::string(algorithm.name), node_of, 1024, std::string(algorithm.name)});
      ASSERT_TRUE(world.ok()) << world.why();
      for (const Function function : {Function::kAllReduce, Function::kReduce}) {
        for (int type = 0; type < collNumTypes; ++type) {
          for (const RedOp op : {collSum, collProd, collAvg, collMax}) {
            const Case test{function, 517, static_cast<DataType>(type), op};
            const std::vector<Outcome> outcomes = results_of(world, nullptr, test);
            if (!outcomes[0].status.ok()) {
              EXPECT_EQ(outcomes[0].status.code(), collUnsupported) << outcomes[0].status.message();
              continue;
            }
            Bytes& due = first[{test.type, op}];
            if (due.empty()) due = outcomes[0].result;
            ++given;
            const size_t holders = function == Function::kReduce ? 1 : outcomes.size();
            for (size_t rank = 0; rank < holders; ++rank) {
              EXPECT_TRUE(outcomes[rank].result == due) << algorithm.name << ": " << describe(test);
            }
          }
        }
      }
    }
  }
  EXPECT_GE(given, 3u * 2 * collNumTypes * 4) << "direct serves both, oneshot too";
}

// More contributions than one pass over memory takes.
TEST(Deterministic, ManyRanksAreSummedInRankOrder) {
  constexpr int kMany = 70;
  std::vector<Bytes> results;
  for (const char* algorithm : {"direct", "oneshot"}) {
    World world = world_of({algorithm, one_node(kMany), 0, algorithm});
    ASSERT_TRUE(world.ok()) << world.why();
    const Case test{Function::kAllReduce, 1030};
    for (const Outcome& outcome : results_of(world, nullptr, test)) {
      ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
      results.push_back(outcome.result);
    }
  }
  std::vector<float> due(1030);
  for (int rank = 0; rank < kMany; ++rank) {
    const Bytes input = make_input(collFloat32, {}, due.size(), rank, kMany);
    for (size_t i = 0; i < due.size(); ++i) {
      float each = 0;
      std::memcpy(&each, input.data() + i * sizeof(float), sizeof(float));
      due[i] = rank == 0 ? each : due[i] + each;
    }
  }
  for (const Bytes& result : results) EXPECT_EQ(std::memcmp(result.data(), due.data(), result.size()), 0);
}

INSTANTIATE_TEST_SUITE_P(Codecs, Determinism, testing::Range(size_t{0}, all_codecs().size()), [](const auto& tested) {
  std::string name = codec_name(all_codecs()[tested.param]);
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
});

// Without the setting the same call gives the same bits again, also on a communicator that is made anew.
TEST(Repeatability, SameCallSameBits) {
  for (const SharedCodec& codec : all_codecs()) {
    const Case test{Function::kAllReduce, 5003};
    std::vector<Bytes> first;
    for (int time = 0; time < 2; ++time) {
      World world({blocks({2, 3})});
      ASSERT_TRUE(world.ok()) << world.why();
      for (const Outcome& outcome : results_of(world, codec, test)) {
        EXPECT_TRUE(outcome.status.ok()) << outcome.status.message();
        first.push_back(outcome.result);
        EXPECT_TRUE(outcome.result == first[0]) << codec_name(codec);
      }
    }
  }
}

}  // namespace

}  // namespace coll::test
