// Ranks as processes, each with a device that is none and whose memory the others open; one is killed while its device
// has work.
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <vector>

#include "coll/coll.h"
#include "tests/fault/processes.hpp"
#include "tests/fault/unique_id.hpp"

namespace coll::test {

namespace {

constexpr int kRanks = 3;
constexpr double kMostSeconds = 100;

std::vector<Ended> run_ranks(int dying) {
  const std::string first = new_id(), second = new_id();
  std::vector<Command> commands(kRanks);
  for (int rank = 0; rank < kRanks; ++rank) {
    Command& command = commands[static_cast<size_t>(rank)];
    command.words = {
        DEVICE_RANK_PROGRAM, std::to_string(kRanks), std::to_string(rank), first, std::to_string(dying), second};
    command.variables = {"COLL_STAGED_BYTES=64K", "COLL_TUNING_FILE=none", "COLL_ALGO=direct"};
  }
  return run_together(commands, kMostSeconds);
}

TEST(KilledWithADevice, LeavesAnErrorAndNewCommunicatorsWork) {
  for (const int dying : {0, 1}) {
    const std::vector<Ended> all = run_ranks(dying);
    for (int rank = 0; rank < kRanks; ++rank) {
      const Ended& ended = all[static_cast<size_t>(rank)];
      EXPECT_TRUE(ended.in_time) << ended.output;
      if (rank == dying) {
        EXPECT_EQ(ended.signal, SIGKILL) << ended.output;
        continue;
      }
      EXPECT_EQ(ended.exit_code, collRemoteError) << ended.output;
      EXPECT_NE(ended.output.find("rank " + std::to_string(dying)), std::string::npos) << ended.output;
      EXPECT_NE(ended.output.find("peers' memory was read"), std::string::npos) << ended.output;
    }
  }
}

}  // namespace

}  // namespace coll::test
