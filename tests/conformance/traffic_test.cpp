// A named codec is really used: what a rank hands to others has the size that the format says. And long calls.
#include "tests/conformance/cases.hpp"
#include "tests/support/reference.hpp"

namespace coll::test {

namespace {

constexpr size_t kLong = (size_t{1} << 20) + 3;

class Traffic : public testing::TestWithParam<size_t> {
 protected:
  SharedCodec codec_ = fixed_codecs()[GetParam()];
};

size_t message_bytes(const SharedCodec& codec, size_t count) { return codec ? codec->max_bytes(count) : 4 * count; }

// Where `direct` cuts a float32 allreduce: shard i is rank i's. `piece` is a shard's share of one chunk.
struct Cut {
  std::vector<Shard> shards;
  size_t piece;
};

Cut cut_of(const SharedCodec& codec, size_t count, int nranks) {
  PlanQuery query;
  query.count = count;
  query.codec.lossy = codec != nullptr;
  query.codec.block = codec ? codec->traits().block : 1;
  query.codec.bytes_per_element = codec ? codec->traits().bits_per_element / 8 : 4;
  for (const Algorithm& algorithm : algorithm_registry()) {
    if (algorithm.name != "direct") continue;
    const Plan plan = algorithm.plan(topo::synthetic({nranks}), query);
    return {plan.shards, plan.piece};
  }
  return {};
}

// Messages of whole shards, cut into pieces.
size_t shard_bytes(const SharedCodec& codec, const Cut& cut, int shard) {
  size_t bytes = 0;
  const size_t count = cut.shards[static_cast<size_t>(shard)].count;
  for (size_t at = 0; at < count; at += cut.piece) bytes += message_bytes(codec, std::min(cut.piece, count - at));
  return bytes;
}

World quiet_world(const Placement& node_of, const std::string& algorithm) {
  WorldOptions options{node_of, true};
  options.edit = [&](int, Config& config) {
    config.check = 0;  // no checksums behind the messages
    config.env.algo = algorithm;
  };
  return World(options);
}

// direct: a rank sends its contribution of every other shard once, and its own shard's result to everyone else.
TEST_P(Traffic, SentBytesAreWhatTheFormatSays) {
  for (const int n : {2, 3, 4, 7}) {
    for (const size_t count : {size_t{1}, size_t{1000}, size_t{65536}, size_t{99991}}) {
      World world = quiet_world(one_node(n), "direct");
      ASSERT_TRUE(world.ok()) << world.why();
      for (const Outcome& outcome : results_of(world, codec_, {Function::kAllReduce, count})) {
        ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
      }
      const Cut cut = cut_of(codec_, count, n);
      for (int rank = 0; rank < n; ++rank) {
        size_t due = shard_bytes(codec_, cut, rank) * static_cast<size_t>(n - 1);
        size_t exact = shard_bytes(nullptr, cut, rank) * static_cast<size_t>(n - 1);
        for (int shard = 0; shard < n; ++shard) {
          if (shard != rank) due += shard_bytes(codec_, cut, shard);
          if (shard != rank) exact += shard_bytes(nullptr, cut, shard);
        }
        const collStats_t stats = world.communicator(rank).stats();
        EXPECT_EQ(stats.sent_bytes, due) << "rank " << rank << " of " << n << ", " << count << " elements";
        EXPECT_EQ(stats.exact_bytes, exact) << "rank " << rank << " of " << n << ", " << count << " elements";
        EXPECT_EQ(stats.calls, 1u);
        EXPECT_EQ(stats.compressed_calls, codec_ ? 1u : 0u);
        EXPECT_EQ(stats.exact_calls, codec_ ? 0u : 1u);
      }
    }
  }
}

// Whatever plan is chosen, on one node and between nodes: what crosses is as small as the codec promises.
TEST_P(Traffic, LongCallsAreWithinTheBoundAndAsSmallAsPromised) {
  const Placement placements[] = {one_node(4), blocks({2, 2})};
  for (const Placement& node_of : placements) {
    World world = quiet_world(node_of, "");
    ASSERT_TRUE(world.ok()) << world.why();
    const Case test{Function::kAllReduce, kLong, collFloat32, collSum, 0, {}, true};
    const Tally tally = run_cases(world, codec_, {test});
    EXPECT_EQ(tally.served, 1u);
    EXPECT_EQ(tally.bounded, kLong);
    const collStats_t stats = world.communicator(0).stats();
    ASSERT_GT(stats.exact_bytes, 0u);
    const double ratio = static_cast<double>(stats.exact_bytes) / static_cast<double>(stats.sent_bytes);
    if (!codec_) {
      EXPECT_EQ(stats.sent_bytes, stats.exact_bytes);
    } else if (node_of == placements[0]) {
      EXPECT_NEAR(ratio, 32 / codec_->traits().bits_per_element, 0.02 * ratio);
    } else {
      EXPECT_GT(ratio, 1.2);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Codecs, Traffic, testing::Range(size_t{0}, fixed_codecs().size()), [](const auto& tested) {
  std::string name = codec_name(fixed_codecs()[tested.param]);
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
});

}  // namespace

}  // namespace coll::test
