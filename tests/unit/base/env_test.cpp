// The registry of environment variables: what is parsed, what is refused in which words, what is shown.
#include "base/env.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

namespace coll {
namespace {

Status parse(const std::vector<std::string>& entries, Env* env) {
  std::vector<const char*> raw;
  for (const std::string& entry : entries) raw.push_back(entry.c_str());
  raw.push_back(nullptr);
  return parse_env(raw.data(), env);
}

// The words of the refusal of one entry; "accepted" where there is none.
std::string refusal(const std::string& entry) {
  Env env;
  const Status status = parse({entry}, &env);
  if (status.ok()) return "accepted";
  EXPECT_EQ(status.code(), collInvalidArgument);
  return status.message();
}

const EnvVariable& variable(std::string_view name) {
  for (const EnvVariable& one : env_registry()) {
    if (one.name == name) return one;
  }
  ADD_FAILURE() << name << " is not registered";
  return env_registry().front();
}

// A value other than the default that each variable accepts.
std::string sample(const EnvVariable& one) {
  if (one.name == "COLL_DETERMINISTIC") return "1";
  if (one.name == "COLL_CHECK") return "2";
  if (one.name == "COLL_P2P") return "0";
  if (one.name == "COLL_DEVICE_DIRECT") return "1";
  if (one.name == "COLL_DEBUG") return "TRACE";
  if (one.name == "COLL_PROGRESS") return "on";
  if (one.name == "COLL_DEBUG_SUBSYS") return "PLAN,TOPO";
  if (one.type == "bytes") return "64K";
  return "4321";
}

TEST(Env, DefaultsAreThoseOfTheDocumentation) {
  Env env;
  ASSERT_TRUE(parse({}, &env).ok());
  EXPECT_EQ(env.codec, "none");
  EXPECT_EQ(env.timeout_ms, 600000);
  EXPECT_EQ(env.deterministic, 0);
  EXPECT_EQ(env.check, 1);
  EXPECT_TRUE(env.set.empty());
  for (const EnvVariable& one : env_registry()) EXPECT_EQ(one.value(env), one.default_text) << one.name;
}

TEST(Env, EveryVariableChangesItsOwnFieldAndNoOther) {
  for (const EnvVariable& one : env_registry()) {
    Env env;
    const std::string entry = std::string(one.name) + "=" + sample(one);
    ASSERT_TRUE(parse({entry}, &env).ok()) << entry;
    EXPECT_EQ(env.set, std::vector<std::string>{entry});
    for (const EnvVariable& other : env_registry()) {
      EXPECT_EQ(other.value(env), other.name == one.name ? sample(one) : other.default_text)
          << entry << ", " << other.name;
    }
  }
}

TEST(Env, NamesAreDistinctAndDescribed) {
  std::set<std::string_view> names;
  for (const EnvVariable& one : env_registry()) {
    EXPECT_TRUE(names.insert(one.name).second) << one.name;
    EXPECT_TRUE(one.name.starts_with("COLL_"));
    EXPECT_FALSE(one.help.empty());
    EXPECT_FALSE(one.type.empty());
  }
}

TEST(Env, BytesTakeUnits) {
  Env env;
  const std::pair<const char*, size_t> cases[] = {
      {"65536", 65536}, {"64K", 65536}, {"64k", 65536}, {"16M", 16u << 20}, {"1G", 1u << 30}};
  for (const auto& [value, bytes] : cases) {
    ASSERT_TRUE(parse({std::string("COLL_BUFFSIZE=") + value}, &env).ok()) << value;
    EXPECT_EQ(env.buffer_bytes, bytes) << value;
  }
  ASSERT_TRUE(parse({"COLL_CHUNK_BYTES=0"}, &env).ok());
  EXPECT_EQ(env.chunk_bytes, 0u);
}

TEST(Env, WhatCannotBeUnderstoodIsRefusedByNameAndValue) {
  EXPECT_EQ(refusal("COLL_CHECK=7"), "COLL_CHECK=7: must be 0, 1 or 2");
  EXPECT_EQ(refusal("COLL_DETERMINISTIC=yes"), "COLL_DETERMINISTIC=yes: must be 0 or 1");
  EXPECT_EQ(refusal("COLL_TIMEOUT_MS=0"), "COLL_TIMEOUT_MS=0: must be a whole number from 1 to 2147483647");
  for (const char* bad : {"-1", "5s", "1e3", " 5", "2147483648", "99999999999999999999"}) {
    EXPECT_NE(refusal(std::string("COLL_TIMEOUT_MS=") + bad), "accepted") << bad;
  }
  for (const char* bad : {"0", "-4K", "K", "16MB", "1.5M", "4095", "99999999999G", "18446744073709551615K"}) {
    EXPECT_EQ(refusal(std::string("COLL_BUFFSIZE=") + bad),
              std::string("COLL_BUFFSIZE=") + bad +
                  ": must be a number of bytes such as 65536, 64K, 16M or 1G, at least 4096");
  }
  EXPECT_EQ(refusal("COLL_DEBUG=LOUD"), "COLL_DEBUG=LOUD: must be NONE, WARN, INFO or TRACE");
  EXPECT_NE(refusal("COLL_DEBUG_SUBSYS=PLAN,NET").find("INIT, TOPO, PLAN, TRANSPORT, CODEC, ENV or ALL"),
            std::string::npos);
}

TEST(Env, EmptyIsUnset) {
  Env env;
  ASSERT_TRUE(parse({"COLL_CHECK=", "COLL_CODEC="}, &env).ok());
  EXPECT_EQ(env.check, 1);
  EXPECT_EQ(env.codec, "none");
  EXPECT_TRUE(env.set.empty());
}

TEST(Env, UnknownNamesAreCollectedAndOthersPassedOver) {
  Env env;
  ASSERT_TRUE(parse({"PATH=/bin", "COLL_TIMEOUT=5", "NCCL_ALGO=ring", "COLL_ALGO=ring=x", "COLL_ZEBRAS=1"}, &env).ok());
  EXPECT_EQ(env.unknown, (std::vector<std::string>{"COLL_TIMEOUT", "COLL_ZEBRAS"}));
  EXPECT_EQ(env.algo, "ring=x");
}

TEST(Env, UnknownNamesAreWarnedAboutWithWhatWasMeant) {
  EXPECT_EQ(closest_env_name("COLL_TIMEOUT"), "COLL_TIMEOUT_MS");
  EXPECT_EQ(closest_env_name("COLL_ALGOS"), "COLL_ALGO");
  EXPECT_EQ(closest_env_name("COLL_BUFFER_SIZE"), "COLL_BUFFSIZE");
  EXPECT_EQ(closest_env_name("COLL_ZEBRAS"), "");
  EXPECT_NE(unknown_env_warning("COLL_ALGOS").find("did you mean COLL_ALGO?"), std::string::npos);
  EXPECT_NE(unknown_env_warning("COLL_ZEBRAS").find("COLL_ZEBRAS"), std::string::npos);
}

TEST(Env, UniformTextHoldsTheUniformVariablesAsTheyApply) {
  Env env;
  ASSERT_TRUE(parse({"COLL_ALGO=ring", "COLL_DEBUG=INFO", "COLL_BUFFSIZE=65536"}, &env).ok());
  const std::string lines = uniform_text(env);
  EXPECT_NE(lines.find("COLL_ALGO=ring\n"), std::string::npos);
  EXPECT_NE(lines.find("COLL_CODEC=none\n"), std::string::npos);
  EXPECT_EQ(lines.find("COLL_DEBUG"), std::string::npos);
  Env same;
  ASSERT_TRUE(parse({"COLL_BUFFSIZE=64K", "COLL_ALGO=ring"}, &same).ok());
  EXPECT_EQ(uniform_text(same), lines);
  EXPECT_EQ(variable("COLL_CODEC").scope, Scope::kUniform);
  EXPECT_EQ(variable("COLL_DEBUG_FILE").scope, Scope::kLocal);
}

TEST(Env, ReadsTheProcess) {
  ASSERT_EQ(setenv("COLL_CODEC", "int8:block=64", 1), 0);
  Env env;
  const Status status = read_env(&env);
  unsetenv("COLL_CODEC");
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(env.codec, "int8:block=64");
}

}  // namespace
}  // namespace coll
