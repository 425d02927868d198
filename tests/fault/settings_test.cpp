// Variables and settings: those that must agree and do not are errors that name variable, ranks and both values.
#include <cstdlib>

#include "tests/fault/outcome.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

namespace {

struct Difference {
  std::string name;
  std::function<void(Config&)> edit;
  std::string words;  // what rank 2 has, as the message says it
};

class Differing : public testing::TestWithParam<Difference> {};

TEST_P(Differing, UniformSettingIsAnErrorOnEveryRank) {
  WorldOptions options{.node_of = blocks({2, 3})};
  options.edit = [](int rank, Config& config) {
    if (rank == 2) GetParam().edit(config);
  };
  const World world(options);
  for (int rank = 0; rank < world.nranks(); ++rank) {
    const Status& status = world.created(rank);
    EXPECT_EQ(status.code(), collInvalidUsage) << "rank " << rank;
    const std::string& words = status.message();
    const std::string variable = GetParam().words.substr(0, GetParam().words.find('='));
    EXPECT_NE(words.find(text(variable, "=")), std::string::npos) << words;
    EXPECT_NE(words.find(" on rank 0"), std::string::npos) << words;
    EXPECT_NE(words.find(text(GetParam().words, " on rank 2")), std::string::npos) << words;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Settings, Differing,
    testing::Values(
        Difference{"ChunkBytes", [](Config& c) { c.env.chunk_bytes = 65536; }, "COLL_CHUNK_BYTES=64K"},
        Difference{"Algo", [](Config& c) { c.env.algo = "ring"; }, "COLL_ALGO=ring"},
        Difference{"Transport", [](Config& c) { c.env.transport = "^shm"; }, "COLL_TRANSPORT=^shm"},
        Difference{"Codec", [](Config& c) { c.codec = "int8"; }, "collConfig_t.codec=int8"},
        Difference{"Check", [](Config& c) { c.check = 2; }, "collConfig_t.check=2"},
        Difference{"Timeout", [](Config& c) { c.timeout_ms = 5000; }, "collConfig_t.timeout_ms=5000"},
        Difference{"Deterministic", [](Config& c) { c.deterministic = true; }, "collConfig_t.deterministic=1"},
        Difference{"BufferBytes", [](Config& c) { c.buffer_bytes = 4096; }, "collConfig_t.buffer_bytes=4096"}),
    [](const auto& tested) { return tested.param.name; });

TEST(Local, SettingsMayDiffer) {
  WorldOptions options{.node_of = blocks({2, 2})};
  options.edit = [](int rank, Config& config) {
    config.env.debug = rank % 2 == 0 ? "NONE" : "WARN";
    config.env.debug_subsys = rank % 2 == 0 ? "ALL" : "PLAN";
    config.env.topo_links = rank == 1 ? "net=50us/0.12GBs" : "";
  };
  World world(options);
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) { EXPECT_EQ(sum_of_ones(world.handle(rank), 3000).code, collSuccess); });
}

// Whether all ranks are told so.
void expect_everywhere(const World& world, collResult_t code, const std::string& words) {
  for (int rank = 0; rank < world.nranks(); ++rank) {
    EXPECT_EQ(world.created(rank).code(), code) << "rank " << rank;
    EXPECT_NE(world.created(rank).message().find(words), std::string::npos) << world.created(rank).message();
  }
}

TEST(Bad, LinksOfRank0AreEveryRanksFailureAndOthersAreNotRead) {
  for (const int bad : {0, 1}) {
    WorldOptions options{.node_of = blocks({2, 1})};
    options.edit = [bad](int rank, Config& config) { config.env.topo_links = rank == bad ? "net=fast" : ""; };
    World world(options);
    if (bad == 0) {
      expect_everywhere(world, collInvalidArgument, "COLL_LINKS=net=fast");
    } else {
      EXPECT_TRUE(world.ok()) << world.why();
    }
  }
}

TEST(Bad, LongSettingsThatDifferAtTheirEndAreErrors) {
  WorldOptions options{.node_of = one_node(3)};
  options.edit = [](int rank, Config& config) { config.env.algo = std::string(5000, 'x') + (rank == 1 ? "a" : "b"); };
  expect_everywhere(World(options), collInvalidUsage, "different settings");
}

TEST(Bad, NamesInListsAreErrorsThatShowTheValidOnes) {
  const auto made_with = [](const std::function<void(Config&)>& edit) {
    WorldOptions options{.node_of = one_node(2)};
    options.edit = [&](int, Config& config) { edit(config); };
    return World(options).created(1);
  };
  const Status algo = made_with([](Config& c) { c.env.algo = "rign"; });
  EXPECT_EQ(algo.code(), collInvalidArgument);
  EXPECT_NE(algo.message().find("COLL_ALGO=rign"), std::string::npos) << algo.message();
  EXPECT_NE(algo.message().find("ring"), std::string::npos) << algo.message();
  const Status transport = made_with([](Config& c) { c.env.transport = "smh"; });
  EXPECT_EQ(transport.code(), collInvalidArgument);
  EXPECT_NE(transport.message().find("COLL_TRANSPORT=smh"), std::string::npos) << transport.message();
  EXPECT_NE(transport.message().find("shm"), std::string::npos) << transport.message();
  const Status codec = made_with([](Config& c) { c.codec = "int9"; });
  EXPECT_EQ(codec.code(), collInvalidArgument);
  EXPECT_NE(codec.message().find("int8"), std::string::npos) << codec.message();
}

// The rest goes through the environment of a process.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~ScopedVariable() { ::unsetenv(name_); }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  const char* name_;
};

Outcome make_alone(const collConfig_t* config = nullptr) {
  collUniqueId id;
  collComm_t comm = nullptr;
  const Outcome outcome = outcome_of(nullptr, [&] {
    const collResult_t named = collGetUniqueId(&id);
    return named == collSuccess ? collCommInitRankConfig(&comm, 1, id, 0, config) : named;
  });
  EXPECT_EQ(collCommDestroy(comm), collSuccess);
  return outcome;
}

TEST(Environment, UnknownVariableIsWarnedAboutByName) {
  const ScopedVariable misspelt("COLL_ALGOS", "ring");
  const ScopedVariable unheard("COLL_FLUX_CAPACITOR", "1");
  testing::internal::CaptureStderr();
  const Outcome outcome = make_alone();
  const std::string printed = testing::internal::GetCapturedStderr();
  EXPECT_EQ(outcome.code, collSuccess) << outcome;
  EXPECT_NE(printed.find("COLL_ALGOS"), std::string::npos) << printed;
  EXPECT_NE(printed.find("did you mean COLL_ALGO?"), std::string::npos) << printed;
  EXPECT_NE(printed.find("COLL_FLUX_CAPACITOR"), std::string::npos) << printed;
}

TEST(Environment, NothingIsPrintedWhereNothingIsWrong) {
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  EXPECT_EQ(make_alone().code, collSuccess);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Environment, BadValueIsAnErrorWithVariableAndValue) {
  const std::pair<const char*, const char*> bad[] = {
      {"COLL_TIMEOUT_MS", "soon"}, {"COLL_TIMEOUT_MS", "0"},   {"COLL_CHECK", "3"},      {"COLL_DETERMINISTIC", "yes"},
      {"COLL_BUFFSIZE", "lots"},   {"COLL_ALGO", "quick"},     {"COLL_TRANSPORT", "ip"}, {"COLL_CODEC", "int8:blok=4"},
      {"COLL_DEBUG", "LOUD"},      {"COLL_LINKS", "net=fast"}, {"COLL_SWITCH", "16"}};
  for (const auto& [name, value] : bad) {
    const ScopedVariable variable(name, value);
    const Outcome outcome = make_alone();
    EXPECT_EQ(outcome.code, collInvalidArgument) << name << ": " << outcome;
    const bool named = outcome.says(name) || std::string_view(name) == "COLL_CODEC";
    EXPECT_TRUE(named) << name << ": " << outcome;
    const std::string_view whole = value;
    EXPECT_TRUE(outcome.says(std::string(whole.substr(whole.find(':') + 1, 4)))) << name << ": " << outcome;
  }
}

TEST(Config, ValuesOutOfRangeAreErrors) {
  collConfig_t config = COLL_CONFIG_INITIALIZER;
  config.timeout_ms = -5;
  EXPECT_EQ(make_alone(&config).code, collInvalidArgument);
  config = COLL_CONFIG_INITIALIZER;
  config.check = 7;
  EXPECT_EQ(make_alone(&config).code, collInvalidArgument);
  config = COLL_CONFIG_INITIALIZER;
  config.size = 3;
  EXPECT_EQ(make_alone(&config).code, collInvalidArgument);
  config = COLL_CONFIG_INITIALIZER;
  config.check = 2;
  EXPECT_EQ(make_alone(&config).code, collSuccess);
}

// What the program sets wins over the environment.
TEST(Config, WinsOverTheEnvironment) {
  const ScopedVariable variable("COLL_CODEC", "no-such-codec");
  EXPECT_EQ(make_alone().code, collInvalidArgument);
  collConfig_t config = COLL_CONFIG_INITIALIZER;
  config.codec = "int8";
  EXPECT_EQ(make_alone(&config).code, collSuccess);
}

}  // namespace

}  // namespace coll::test
