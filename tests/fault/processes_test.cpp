// Ranks as processes: without MPI, with differing environments, and with one of them killed.
#include "tests/fault/processes.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <regex>

#include "coll/coll.h"
#include "tests/fault/unique_id.hpp"

namespace coll::test {

namespace {

constexpr int kRanks = 4;
constexpr double kMostSeconds = 60;

std::vector<Command> rank_commands(const char* scenario, const std::vector<std::string>& more = {}) {
  const std::string id = new_id();
  std::vector<Command> commands(kRanks);
  for (int rank = 0; rank < kRanks; ++rank) {
    auto& words = commands[static_cast<size_t>(rank)].words;
    words = {RANK_PROGRAM, scenario, std::to_string(kRanks), std::to_string(rank), id};
    words.insert(words.end(), more.begin(), more.end());
  }
  return commands;
}

void expect_all(const std::vector<Ended>& all, int exit_code, const std::vector<std::string>& words) {
  for (const Ended& ended : all) {
    EXPECT_TRUE(ended.in_time);
    EXPECT_EQ(ended.exit_code, exit_code) << ended.output;
    for (const std::string& word : words)
      EXPECT_NE(ended.output.find(word), std::string::npos) << word << "\n" << ended.output;
  }
}

// "after N ms" of a report.
double reported_ms(const std::string& output) {
  std::smatch found;
  return std::regex_search(output, found, std::regex("code [0-9]+ after ([0-9]+) ms")) ? std::stod(found[1]) : 1e9;
}

TEST(WithoutMpi, OneNodeSharesMemoryAndLoadsNoMpi) {
  auto commands = rank_commands("sum");
  for (Command& command : commands) command.variables = {"COLL_TRANSPORT=shm"};
  expect_all(run_together(commands, kMostSeconds), collSuccess, {"code 0", "MPI is not mapped"});
}

// Two ranks per node, with these variables beside.
void put_on_two_nodes(std::vector<Command>* commands, const std::vector<std::string>& variables) {
  for (size_t rank = 0; rank < commands->size(); ++rank) {
    (*commands)[rank].variables = variables;
    (*commands)[rank].variables.push_back("COLL_HOST_ID=node" + std::to_string(rank / 2));
  }
}

TEST(WithoutMpi, NodesApartAreAClearError) {
  auto commands = rank_commands("sum");
  put_on_two_nodes(&commands, {"COLL_TRANSPORT=^ucx", "COLL_TIMEOUT_MS=20000"});
  expect_all(run_together(commands, kMostSeconds), collSystemError,
             {"not over mpi", "rank 0 has not called MPI_Init", "mpirun", "MPI is not mapped"});
}

#ifdef COLL_HAS_UCX
TEST(WithoutMpi, NodesApartTalkOverUcx) {
  for (const char* transports : {"", "ucx", "shm,ucx"}) {
    auto commands = rank_commands("sum");
    put_on_two_nodes(&commands, {std::string("COLL_TRANSPORT=") + transports, "COLL_DEBUG=INFO"});
    const auto all = run_together(commands, kMostSeconds);
    expect_all(all, collSuccess, {"code 0", "MPI is not mapped"});
    EXPECT_NE(all[0].output.find("ranks of different nodes talk over ucx"), std::string::npos) << all[0].output;
  }
}

TEST(WithoutMpi, UcxWritesNothingOfItsOwn) {
  auto commands = rank_commands("sum");
  put_on_two_nodes(&commands, {"COLL_TRANSPORT=ucx", "UCX_NO_SUCH_VARIABLE=1"});
  for (const Ended& ended : run_together(commands, kMostSeconds)) {
    EXPECT_TRUE(std::regex_match(ended.output, std::regex("rank .: code 0[^\n]*\nMPI is not mapped\n")))
        << ended.output;
  }
}

// One rank has no device that UCX is told to use: all ranks turn to the next transport, and say why.
TEST(WithoutMpi, UcxThatFailsOnOneRankIsLeftByAll) {
  auto commands = rank_commands("sum");
  put_on_two_nodes(&commands, {"COLL_TIMEOUT_MS=20000"});
  commands[3].variables.push_back("UCX_NET_DEVICES=nosuch0");
  expect_all(run_together(commands, kMostSeconds), collSystemError,
             {"not over ucx: rank 3: UCX: ", "not over mpi: rank 0 has not called MPI_Init"});
}
#endif

TEST(WithoutMpi, RankThatNeverJoinsIsNamed) {
  constexpr int kTimeoutMs = 1000;
  auto commands = rank_commands("sum");
  for (Command& command : commands) command.variables = {"COLL_TIMEOUT_MS=" + std::to_string(kTimeoutMs)};
  commands.erase(commands.begin() + 2);
  const auto all = run_together(commands, kMostSeconds);
  expect_all(all, collTimeout, {"rank 2"});
  for (const Ended& ended : all) {
    EXPECT_EQ(ended.output.find("rank 1 "), std::string::npos) << ended.output;
    EXPECT_LE(reported_ms(ended.output), 2 * kTimeoutMs) << ended.output;
  }
}

TEST(Variables, DifferentValuesOfUniformOnesAreAnErrorOnAllRanks) {
  auto commands = rank_commands("sum");
  commands[1].variables = {"COLL_CHUNK_BYTES=64K"};
  expect_all(run_together(commands, kMostSeconds), collInvalidUsage,
             {"COLL_CHUNK_BYTES=0 on rank 0", "COLL_CHUNK_BYTES=64K on rank 1"});
}

TEST(Variables, LocalOnesMayDifferAndUnknownOnesAreWarnedAbout) {
  auto commands = rank_commands("sum");
  commands[0].variables = {"COLL_DEBUG=INFO", "COLL_DEBUG_SUBSYS=TOPO"};
  commands[1].variables = {"COLL_LINKS=net=50us/0.12GBs"};
  commands[2].variables = {"COLL_CHUNKBYTES=64K"};
  const auto all = run_together(commands, kMostSeconds);
  expect_all(all, collSuccess, {"code 0"});
  EXPECT_NE(
      all[2].output.find("COLL_CHUNKBYTES is set but libcoll knows no such variable; did you mean COLL_CHUNK_BYTES?"),
      std::string::npos)
      << all[2].output;
  for (const size_t rank : {0, 1, 3}) EXPECT_EQ(all[rank].output.find("CHUNKBYTES"), std::string::npos);
}

TEST(Variables, BadValueOnOneRankIsItsErrorAndTheOthersNameIt) {
  auto commands = rank_commands("sum");
  for (Command& command : commands) command.variables = {"COLL_TIMEOUT_MS=1000"};
  commands[3].variables = {"COLL_TIMEOUT_MS=1000", "COLL_CHECK=maybe"};
  const auto all = run_together(commands, kMostSeconds);
  expect_all({all[3]}, collInvalidArgument, {"COLL_CHECK=maybe", "0, 1 or 2"});
  expect_all({all[0], all[1], all[2]}, collTimeout, {"rank 3"});
}

void expect_survived(const std::string& output, int code, double ms, int timeout_ms) {
  EXPECT_TRUE(code == collTimeout || code == collRemoteError) << output;
  EXPECT_LE(ms, 2.0 * timeout_ms) << output;
}

TEST(Killed, ProcessLeavesSurvivorsWithAnErrorAndNothingBehind) {
  constexpr int kTimeoutMs = 800;
  constexpr size_t kDying = 2;
  for (const int after_ms : {20, 55, 110, 230}) {
    SCOPED_TRACE(after_ms);
    auto commands = rank_commands("die", {std::to_string(kDying), std::to_string(after_ms), new_id()});
    for (Command& command : commands) command.variables = {"COLL_TIMEOUT_MS=" + std::to_string(kTimeoutMs)};
    const auto all = run_together(commands, kMostSeconds);
    for (size_t rank = 0; rank < kRanks; ++rank) {
      const Ended& ended = all[rank];
      EXPECT_TRUE(ended.in_time) << ended.output;
      EXPECT_EQ(ended.signal, rank == kDying ? SIGKILL : 0);
      if (rank == kDying) continue;
      expect_survived(ended.output, ended.exit_code, reported_ms(ended.output), kTimeoutMs);
      EXPECT_EQ(ended.exit_code, collRemoteError) << ended.output;
      EXPECT_NE(ended.output.find("rank 2 has ended"), std::string::npos) << ended.output;
    }
  }
  EXPECT_EQ(left_in_shared_memory(), std::vector<std::string>());
}

#ifdef COLL_HAS_UCX
// In the middle of transfers, with and without shared memory beside; what is left sums again over new connections.
TEST(Killed, PeerOverUcxIsAnErrorThatNamesIt) {
  constexpr int kTimeoutMs = 2000;
  constexpr size_t kDying = 2;
  for (const char* transports : {"ucx", "shm,ucx"}) {
    for (const int after_ms : {15, 60, 170, 300}) {
      SCOPED_TRACE(std::string(transports) + " after " + std::to_string(after_ms));
      auto commands = rank_commands("die", {std::to_string(kDying), std::to_string(after_ms), new_id()});
      put_on_two_nodes(&commands,
                       {std::string("COLL_TRANSPORT=") + transports, "COLL_TIMEOUT_MS=" + std::to_string(kTimeoutMs)});
      const auto all = run_together(commands, kMostSeconds);
      std::string everything;
      for (size_t rank = 0; rank < kRanks; ++rank) {
        const Ended& ended = all[rank];
        everything += ended.output;
        EXPECT_TRUE(ended.in_time) << ended.output;
        EXPECT_EQ(ended.signal, rank == kDying ? SIGKILL : 0) << ended.output;
        if (rank == kDying) continue;
        expect_survived(ended.output, ended.exit_code, reported_ms(ended.output), kTimeoutMs);
        // A rank may hear of the death from another survivor, or notice only that this one has left.
        const std::regex named(
            "rank [013] has lost rank [0-3]|rank [013] gave up|rank 2(, rank 3)? ha(s|ve) (not joined|ended)");
        EXPECT_TRUE(std::regex_search(ended.output, named)) << ended.output;
      }
      EXPECT_TRUE(std::regex_search(everything, std::regex("lost rank 2|rank 2 has ended"))) << everything;
    }
  }
}
#endif

class KilledUnderMpi : public testing::TestWithParam<const char*> {};

TEST_P(KilledUnderMpi, SurvivorsReturnAnError) {
  constexpr int kTimeoutMs = 1000;
  for (const char* after_ms : {"40", "250"}) {
    SCOPED_TRACE(after_ms);
    const Command mpirun{{MPIRUN, "--oversubscribe", "--enable-recovery", "--mca", "mpi_yield_when_idle", "1", "-n",
                          "3", MPI_RANK_PROGRAM, after_ms},
                         {"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", "COLL_TIMEOUT_MS=1000",
                          std::string("COLL_TRANSPORT=") + GetParam()}};
    const Ended ended = run_together({mpirun}, kMostSeconds)[0];
    EXPECT_TRUE(ended.in_time) << ended.output;
    // Shared memory, which reaches all of the three, knows more than MPI.
    const std::string words = GetParam() == std::string("mpi") ? "not joined the call" : "ended";
    const std::regex report("rank ([0-9]): code ([0-9]+) after ([0-9]+) ms: [^\n]*rank 2 ha(?:s|ve) " + words);
    auto found = std::sregex_iterator(ended.output.begin(), ended.output.end(), report);
    int survivors = 0;
    for (; found != std::sregex_iterator(); ++found, ++survivors) {
      expect_survived(found->str(), std::stoi((*found)[2]), std::stod((*found)[3]), kTimeoutMs);
    }
    EXPECT_EQ(survivors, 2) << ended.output;
    EXPECT_EQ(ended.output.find("Failure"), std::string::npos) << ended.output;
  }
  EXPECT_EQ(left_in_shared_memory(), std::vector<std::string>());
}

INSTANTIATE_TEST_SUITE_P(Transports, KilledUnderMpi, testing::Values("mpi", "shm,mpi"), [](const auto& tested) {
  return std::string_view(tested.param) == "mpi" ? "Mpi" : "ShmAndMpi";
});

}  // namespace

}  // namespace coll::test
