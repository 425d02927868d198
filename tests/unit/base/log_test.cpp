// The log: which events are written, where to, and that each is one whole line.
#include "base/log.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

namespace coll {
namespace {

namespace fs = std::filesystem;

class LogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("coll_log_test." + std::to_string(getpid()));
    fs::create_directories(folder_);
    env_.debug_file = (folder_ / "log").string();
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::string read(const fs::path& path) {
    std::ostringstream all;
    all << std::ifstream(path).rdbuf();
    return all.str();
  }
  std::string written() const { return read(env_.debug_file); }

  fs::path folder_;
  Env env_;
};

void speak(const Log& log) {
  log.warn(LogPart::kTopo, "w ", 1);
  log.info(LogPart::kPlan, "i ", 2);
  log.info(LogPart::kTopo, "j ", 3);
  log.trace(LogPart::kCodec, "t");
}

TEST_F(LogTest, WarningsOnlyByDefault) {
  speak(Log(env_, 3));
  EXPECT_EQ(written(), "coll[rank 3] WARN TOPO: w 1\n");
}

TEST_F(LogTest, NoneIsSilentAndMakesNoFile) {
  env_.debug = "NONE";
  speak(Log(env_, 3));
  EXPECT_FALSE(fs::exists(env_.debug_file));
}

TEST_F(LogTest, LevelsIncludeTheGraverOnes) {
  env_.debug = "INFO";
  speak(Log(env_, 0));
  EXPECT_EQ(written(), "coll[rank 0] WARN TOPO: w 1\ncoll[rank 0] INFO PLAN: i 2\ncoll[rank 0] INFO TOPO: j 3\n");
  env_.debug = "TRACE";
  fs::remove(env_.debug_file);
  speak(Log(env_, 0));
  EXPECT_NE(written().find("TRACE CODEC: t\n"), std::string::npos);
}

TEST_F(LogTest, SubsystemsFilterAllButWarnings) {
  env_.debug = "TRACE";
  env_.debug_subsys = "plan,CODEC";
  speak(Log(env_, 0));
  EXPECT_EQ(written(), "coll[rank 0] WARN TOPO: w 1\ncoll[rank 0] INFO PLAN: i 2\ncoll[rank 0] TRACE CODEC: t\n");
  env_.debug_subsys = "^PLAN";
  fs::remove(env_.debug_file);
  speak(Log(env_, 0));
  EXPECT_EQ(written().find("PLAN"), std::string::npos);
  EXPECT_NE(written().find("INFO TOPO"), std::string::npos);
}

TEST(LogNames, AreParsed) {
  uint32_t mask = 0;
  EXPECT_TRUE(parse_log_subsystems("ALL", &mask));
  EXPECT_EQ(mask, 63u);
  EXPECT_TRUE(parse_log_subsystems("INIT,PLAN", &mask));
  EXPECT_EQ(mask, 5u);
  EXPECT_TRUE(parse_log_subsystems("^INIT", &mask));
  EXPECT_EQ(mask, 62u);
  for (const char* bad : {"", "NET", "PLAN,", ",PLAN", "PLAN TOPO", "^"})
    EXPECT_FALSE(parse_log_subsystems(bad, &mask)) << bad;
  LogLevel level;
  EXPECT_TRUE(parse_log_level("info", &level));
  EXPECT_EQ(level, LogLevel::kInfo);
  EXPECT_FALSE(parse_log_level("DEBUG", &level));
}

TEST_F(LogTest, FileNameTellsHostProcessAndRank) {
  env_.debug_file = (folder_ / "log.%h.%p.%r.%%.%x").string();
  speak(Log(env_, 7));
  char host[256] = "";
  ASSERT_EQ(gethostname(host, sizeof(host)), 0);
  const std::string name = "log." + std::string(host) + "." + std::to_string(getpid()) + ".7.%.%x";
  EXPECT_TRUE(fs::exists(folder_ / name)) << name;
}

TEST_F(LogTest, AppendsAndKeepsEventsOnOneLine) {
  Log(env_, 1).warn(LogPart::kEnv, "a\nb");
  Log(env_, 1).warn(LogPart::kEnv, "c");
  EXPECT_EQ(written(), "coll[rank 1] WARN ENV: a b\ncoll[rank 1] WARN ENV: c\n");
}

TEST_F(LogTest, FallsBackToStderrWhereTheFileCannotBeOpened) {
  env_.debug_file = (folder_ / "missing" / "log").string();
  testing::internal::CaptureStderr();
  speak(Log(env_, 2));
  const std::string errors = testing::internal::GetCapturedStderr();
  EXPECT_NE(errors.find("WARN ENV: COLL_DEBUG_FILE=" + env_.debug_file), std::string::npos) << errors;
  EXPECT_NE(errors.find("coll[rank 2] WARN TOPO: w 1\n"), std::string::npos) << errors;
}

TEST_F(LogTest, MovesWithItsFile) {
  Log first(env_, 4);
  Log second = std::move(first);
  second.warn(LogPart::kEnv, "after");
  EXPECT_EQ(written(), "coll[rank 4] WARN ENV: after\n");
}

TEST_F(LogTest, LinesOfThreadsDoNotMix) {
  constexpr int kThreads = 4;
  constexpr int kLines = 200;
  {
    const Log log(env_, 0);
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&log, i] {
        for (int line = 0; line < kLines; ++line)
          log.warn(LogPart::kInit, std::string(300, static_cast<char>('a' + i)));
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  std::ifstream file(env_.debug_file);
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    const std::string letters = line.substr(line.find(": ") + 2);
    EXPECT_EQ(letters, std::string(300, letters.front()));
  }
  EXPECT_EQ(lines, kThreads * kLines);
}

}  // namespace
}  // namespace coll
