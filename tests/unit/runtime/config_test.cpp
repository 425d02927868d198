#include "runtime/config.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "tests/support/world.hpp"

namespace coll::test {

namespace {

// A variable of the environment for the length of a test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

Config resolved(const collConfig_t* given) {
  Config config;
  const Status status = resolve_config(given, &config);
  EXPECT_TRUE(status.ok()) << status.message();
  return config;
}

void expect_refused(const collConfig_t& given, const std::string& part) {
  Config config;
  const Status status = resolve_config(&given, &config);
  EXPECT_EQ(status.code(), collInvalidArgument);
  EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
}

TEST(Config, Defaults) {
  collConfig_t given = COLL_CONFIG_INITIALIZER;
  for (const collConfig_t* each :
       {static_cast<const collConfig_t*>(nullptr), static_cast<const collConfig_t*>(&given)}) {
    const Config config = resolved(each);
    EXPECT_EQ(config.codec, "none");
    EXPECT_EQ(config.timeout_ms, 600000);
    EXPECT_FALSE(config.deterministic);
    EXPECT_EQ(config.check, 1);
    EXPECT_EQ(config.buffer_bytes, size_t{16} << 20);
  }
}

TEST(Config, ProgramThenEnvironmentThenDefault) {
  const Variable codec("COLL_CODEC", "int4");
  const Variable timeout("COLL_TIMEOUT_MS", "1234");
  const Variable check("COLL_CHECK", "2");
  collConfig_t given = COLL_CONFIG_INITIALIZER;
  given.codec = "bf16";
  given.check = 0;
  const Config config = resolved(&given);
  EXPECT_EQ(config.codec, "bf16");
  EXPECT_EQ(config.check, 0);
  EXPECT_EQ(config.timeout_ms, 1234);
  EXPECT_FALSE(config.deterministic);
  EXPECT_EQ(resolved(nullptr).codec, "int4");
}

TEST(Config, StructOfAnOlderHeaderIsShorter) {
  collConfig_t given = COLL_CONFIG_INITIALIZER;
  given.codec = "fp16";
  given.timeout_ms = 77;
  given.check = 2;
  given.buffer_bytes = 12345;
  given.size = offsetof(collConfig_t, deterministic);  // knows codec and timeout_ms alone
  const Config config = resolved(&given);
  EXPECT_EQ(config.codec, "fp16");
  EXPECT_EQ(config.timeout_ms, 77);
  EXPECT_EQ(config.check, 1);
  EXPECT_EQ(config.buffer_bytes, size_t{16} << 20);
}

TEST(Config, StructOfANewerHeaderIsLonger) {
  struct {
    collConfig_t known = COLL_CONFIG_INITIALIZER;
    char news[64] = {};
  } given;
  given.known.size = sizeof(given);
  given.known.timeout_ms = 5;
  EXPECT_EQ(resolved(&given.known).timeout_ms, 5);
}

TEST(Config, WithoutTheInitialiserItIsRefused) {
  collConfig_t given{};
  expect_refused(given, "COLL_CONFIG_INITIALIZER");
}

TEST(Config, ValuesOutOfRangeAreNamed) {
  collConfig_t given = COLL_CONFIG_INITIALIZER;
  given.timeout_ms = 0;
  expect_refused(given, "timeout_ms is 0");
  given.timeout_ms = -5;
  expect_refused(given, "timeout_ms is -5");
  given = COLL_CONFIG_INITIALIZER;
  given.check = 3;
  expect_refused(given, "check is 3");
  given = COLL_CONFIG_INITIALIZER;
  given.deterministic = 2;
  expect_refused(given, "deterministic is 2");
}

TEST(Config, VariableThatCannotBeUnderstoodIsNamed) {
  const Variable bad("COLL_TIMEOUT_MS", "soon");
  Config config;
  const Status status = resolve_config(nullptr, &config);
  EXPECT_EQ(status.code(), collInvalidArgument);
  EXPECT_NE(status.message().find("COLL_TIMEOUT_MS=soon"), std::string::npos) << status.message();
}

// What communicators make of settings, with two ranks each.
Status made_with(const std::function<void(int rank, Config& config)>& edit) {
  WorldOptions options{one_node(2)};
  options.edit = [&edit](int rank, Config& config) {
    config.env.debug = "NONE";
    edit(rank, config);
  };
  const World world(options);
  EXPECT_EQ(world.created(0).code(), world.created(1).code());
  return world.created(1);
}

TEST(Config, SettingsThatDifferFailOnAllRanksWithBothValues) {
  const Status check = made_with([](int rank, Config& config) { config.check = rank; });
  EXPECT_EQ(check.code(), collInvalidUsage);
  for (const char* part : {"check=0 on rank 0", "check=1 on rank 1"}) {
    EXPECT_NE(check.message().find(part), std::string::npos) << check.message();
  }
  const Status algo = made_with([](int rank, Config& config) { config.env.algo = rank == 0 ? "ring" : "direct"; });
  EXPECT_EQ(algo.code(), collInvalidUsage);
  for (const char* part : {"COLL_ALGO=ring on rank 0", "COLL_ALGO=direct on rank 1"}) {
    EXPECT_NE(algo.message().find(part), std::string::npos) << algo.message();
  }
}

TEST(Config, LocalSettingsMayDiffer) {
  const Status status = made_with([](int rank, Config& config) { config.env.debug_file = text("/tmp/", rank); });
  EXPECT_TRUE(status.ok()) << status.message();
}

TEST(Config, UnknownNamesFailAndAreListed) {
  const Status algo = made_with([](int, Config& config) { config.env.algo = "butterfly"; });
  EXPECT_EQ(algo.code(), collInvalidArgument);
  for (const char* part : {"butterfly", "ring", "direct"}) EXPECT_NE(algo.message().find(part), std::string::npos);
  const Status transport = made_with([](int, Config& config) { config.env.transport = "pigeon"; });
  EXPECT_EQ(transport.code(), collInvalidArgument);
  for (const char* part : {"pigeon", "shm", "mpi"}) EXPECT_NE(transport.message().find(part), std::string::npos);
  const Status codec = made_with([](int, Config& config) { config.codec = "zip"; });
  EXPECT_EQ(codec.code(), collInvalidArgument);
  for (const char* part : {"zip", "int8", "bf16"}) EXPECT_NE(codec.message().find(part), std::string::npos);
}

}  // namespace

}  // namespace coll::test
