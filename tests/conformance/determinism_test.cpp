// deterministic=1: an element's bits depend on the ranks' inputs of it (with a block codec: of its block) alone, not on
// the size of the call, the chunks it is cut into, the algorithm or the placement of the ranks.
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
