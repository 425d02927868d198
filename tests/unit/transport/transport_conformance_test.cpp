#include "conformance.hpp"
#include "ranks.hpp"

namespace coll::test {

namespace {

// Makes the transport of one rank; collective over the ranks of the bootstrap.
using Make = std::function<std::unique_ptr<Transport>(std::shared_ptr<inproc::Hub>, Bootstrap&)>;

std::unique_ptr<Transport> shm_with(Bootstrap& bootstrap, size_t ring_bytes, std::shared_ptr<shm::Regions> regions) {
  ShmOptions options = shm_options(bootstrap);
  options.ring_bytes = ring_bytes;
  options.regions = std::move(regions);
  std::unique_ptr<Transport> transport;
  std::string warning;
  const Status status = make_shm(options, &transport, &warning);
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(warning, "");
  return transport;
}

struct Kind {
  std::string name;
  Make make;
};

const Kind kKinds[] = {
    {"inproc", [](auto hub, Bootstrap& bootstrap) { return make_inproc(std::move(hub), bootstrap.rank()); }},
    {"shm", [](auto, Bootstrap& bootstrap) { return shm_with(bootstrap, 0, nullptr); }},
    {"shm_smallest_ring", [](auto, Bootstrap& bootstrap) { return shm_with(bootstrap, shm::kMinRingBytes, nullptr); }},
    {"shm_reaching_memory",
     [](auto, Bootstrap& bootstrap) { return shm_with(bootstrap, 0, std::make_shared<shm::Regions>()); }},
};

struct Scenario {
  Kind kind;
  Case test;
  int nranks;
};

class TransportConformance : public testing::TestWithParam<Scenario> {};

TEST_P(TransportConformance, Holds) {
  const Scenario& scenario = GetParam();
  const auto hub = std::make_shared<inproc::Hub>(scenario.nranks);
  const auto meeting = std::make_shared<Meeting>(scenario.nranks);
  run_ranks(scenario.nranks, [&](int rank) {
    InprocBootstrap bootstrap(meeting, rank);
    const std::unique_ptr<Transport> transport = scenario.kind.make(hub, bootstrap);
    ASSERT_NE(transport, nullptr);
    Self self(*transport, bootstrap);
    scenario.test.body(self);
  });
}

std::vector<Scenario> all_scenarios() {
  std::vector<Scenario> scenarios;
  for (const Kind& kind : kKinds) {
    for (const Case& test : conformance_cases()) {
      for (const int nranks : {2, 5}) scenarios.push_back({kind, test, nranks});
    }
  }
  return scenarios;
}

INSTANTIATE_TEST_SUITE_P(All, TransportConformance, testing::ValuesIn(all_scenarios()), [](const auto& tested) {
  const Scenario& scenario = tested.param;
  return scenario.kind.name + "_" + std::string(scenario.test.name) + "_" + std::to_string(scenario.nranks);
});

}  // namespace

}  // namespace coll::test
