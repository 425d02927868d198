// Messages of other nodes in device memory: results have the bits that they have on the host, whoever has such memory.
#include "tests/conformance/cases.hpp"
#include "tests/support/device_buffer.hpp"
#include "tests/support/direct_transport.hpp"

namespace coll::test {

namespace {

const std::vector<Case> kCases = {
    {Function::kAllReduce, 300'007, collFloat32, collSum, 0, {}, true},
    {Function::kBroadcast, 300'007, collFloat32, collSum, 1, {}, true},
    {Function::kReduceScatter, 70'001, collFloat32, collSum, 0, {}, true},
    {Function::kAllGather, 70'001, collFloat32, collSum, 0, {}, true},
    {Function::kReduce, 300'007, collFloat16, collAvg, 1, {}, true},
    {Function::kAllToAll, 70'001, collFloat32, collSum, 0, {}, true},
};

struct Service {
  std::string algorithm;  // "": the planner chooses
  Memory memory;
};

WorldOptions options_for(const Placement& node_of, const std::string& algorithm) {
  WorldOptions options{node_of, true};
  options.edit = [algorithm](int, Config& config) {
    config.env.algo = algorithm;
    config.env.staged_bytes = 0;
    config.env.chunk_bytes = size_t{256} << 10;
    config.env.device_direct = 1;
  };
  return options;
}

std::vector<SharedCodec> exact_and_int8() {
  std::vector<SharedCodec> codecs = fixed_codecs();
  std::erase_if(codecs, [](const SharedCodec& codec) { return codec && codec->spec() != "int8"; });
  return codecs;
}

class Direct : public testing::TestWithParam<Service> {
 protected:
  void compare_with_host(const Placement& node_of, const SharedCodec& codec) const {
    WorldOptions options = options_for(node_of, GetParam().algorithm);
    World plain(options);
    options.wrap = [this](int, std::unique_ptr<Transport> real) {
      return std::make_unique<DirectTransport>(std::move(real), device_, traffic_);
    };
    World direct(options);
    ASSERT_TRUE(plain.ok() && direct.ok()) << plain.why() << direct.why();
    for (Case test : kCases) {
      SCOPED_TRACE(text(node_of.size(), " ranks, codec ", codec_name(codec), ", ", describe(test)));
      const std::vector<Outcome> due = results_of(plain, codec, test);
      test.memory = GetParam().memory;
      const std::vector<Outcome> got = results_of(direct, codec, test);
      for (size_t rank = 0; rank < due.size(); ++rank) {
        ASSERT_EQ(got[rank].status.code(), due[rank].status.code()) << got[rank].status.message();
        EXPECT_EQ(got[rank].damage, "");
        ASSERT_EQ(got[rank].result, due[rank].result) << "rank " << rank;
      }
    }
  }

  const TestDevices devices_;
  AsyncDevice* const device_ = static_cast<AsyncDevice*>(Process::acquire()->devices().operations());
  const std::shared_ptr<DirectTraffic> traffic_ = std::make_shared<DirectTraffic>();
};

TEST_P(Direct, ResultsHaveTheBitsOfTheHosts) {
  for (const SharedCodec& codec : exact_and_int8()) {
    traffic_->sent = traffic_->received = 0;
    for (const Placement& node_of : {blocks({1, 1}), blocks({1, 1, 1}), blocks({2, 2}), blocks({1, 2})}) {
      compare_with_host(node_of, codec);
    }
    EXPECT_GT(traffic_->sent, 0U) << codec_name(codec);
    EXPECT_GT(traffic_->received, 0U) << codec_name(codec);
  }
}

std::vector<Service> services() {
  std::vector<Service> all;
  for (const char* algorithm : {"", "direct", "ring", "tree", "hier_direct"})
    all.push_back({algorithm, Memory::kDevice});
  for (const char* algorithm : {"direct", "ring"}) all.push_back({algorithm, Memory::kMixed});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Nodes, Direct, testing::ValuesIn(services()), [](const auto& tested) {
  const std::string& algorithm = tested.param.algorithm;
  return text(tested.param.memory == Memory::kMixed ? "mixed_" : "device_", algorithm.empty() ? "any" : algorithm);
});

}  // namespace

}  // namespace coll::test
