// The ucx transport with ranks as threads, each with a worker of its own: the conformance cases, and peers that go.
#include <gtest/gtest.h>

#include "conformance.hpp"
#include "ranks.hpp"
#include "runtime/module.hpp"

namespace coll::test {

namespace {

Clock::time_point in_ms(int ms) { return Clock::now() + std::chrono::milliseconds(ms); }

std::unique_ptr<Transport> open_ucx(Bootstrap& bootstrap, const std::string& device = {}) {
  std::unique_ptr<Transport> transport;
  const Status status = collModuleUCX()->open({&bootstrap, in_ms(30000), device}, &transport);
  EXPECT_TRUE(status.ok()) << status.message();
  return transport;
}

struct Scenario {
  Case test;
  int nranks;
};

class UcxConformance : public testing::TestWithParam<Scenario> {};

TEST_P(UcxConformance, Holds) {
  const auto meeting = std::make_shared<Meeting>(GetParam().nranks);
  run_ranks(GetParam().nranks, [&](int rank) {
    InprocBootstrap bootstrap(meeting, rank);
    const std::unique_ptr<Transport> transport = open_ucx(bootstrap);
    ASSERT_NE(transport, nullptr);
    Self self(*transport, bootstrap);
    GetParam().test.body(self);
  });
}

std::vector<Scenario> all_scenarios() {
  std::vector<Scenario> scenarios;
  for (const Case& test : conformance_cases()) {
    for (const int nranks : {2, 5}) scenarios.push_back({test, nranks});
  }
  return scenarios;
}

INSTANTIATE_TEST_SUITE_P(Ucx, UcxConformance, testing::ValuesIn(all_scenarios()), [](const auto& tested) {
  return std::string(tested.param.test.name) + "_" + std::to_string(tested.param.nranks);
});

}  // namespace

}  // namespace coll::test
