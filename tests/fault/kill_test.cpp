// Ranks killed in the middle of collectives at random moments, on each transport that connects processes. KILL_TRIALS
// says how often (the soak: 200), KILL_SEED repeats a run.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <utility>

#include "coll/coll.h"
#include "tests/fault/kill_trial.hpp"
#include "tests/fault/outcome.hpp"
#include "tests/fault/processes.hpp"
#include "tests/fault/unique_id.hpp"
#include "tests/support/directory.hpp"
#include "tests/support/sanitized.hpp"

namespace coll::test {

namespace {

enum class Start { kByItself, kByMpirun };

struct Kind {
  const char* transport;
  Start start;
  int patience;  // the trials' time-outs are multiplied by it: joining anew has to fit, on a machine that is busy
  bool notices;  // a death: nobody waits for the time-out
};
constexpr Kind kKinds[] = {
    {"shm", Start::kByItself, 1, true},
    {"mpi", Start::kByMpirun, 2, false},
#ifdef COLL_HAS_UCX
    {"ucx", Start::kByItself, 5, false},
#endif
};

// Signal and exit code of a process.
using End = std::pair<int, int>;
constexpr End kKilled{SIGKILL, -1}, kUnknown{0, -1};
End end_of(const Ended& ended) { return {ended.signal, ended.exit_code}; }

constexpr int kChainsAtOnce = 3;
constexpr double kMostSeconds = 90;  // of kChainsAtOnce chains
// The ranks outnumber the cores and wait for these, not for the library. A hang is longer: nothing ends it but the
// test.
constexpr double kSlackMs = 5000;

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* value = std::getenv(variable);
  return value != nullptr ? std::strtoull(value, nullptr, 10) : otherwise;
}

// Processes that have the word among their arguments.
std::vector<std::string> running_with(const std::string& word) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline");
    const std::string line((std::istreambuf_iterator<char>(file)), {});
    if (line.find(word) != std::string::npos) found.push_back(entry.path().filename());
  }
  return found;
}

class Killed : public testing::TestWithParam<Kind> {
 protected:
  int timeout_factor() const { return GetParam().patience * (kSanitized ? 5 : 1); }
  bool under_mpirun() const { return GetParam().start == Start::kByMpirun; }

  std::vector<Command> commands(int first_chain, int chains) const {
    std::vector<std::string> words = {std::to_string(seed_), std::to_string(first_chain),
                                      std::to_string(timeout_factor()), directory_.path()};
    for (int i = 0; i < chains * kChainIds; ++i) words.push_back(new_id());
    const std::vector<std::string> variables = {"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
                                                "COLL_DEBUG=NONE",
                                                std::string("COLL_TRANSPORT=") + GetParam().transport};
    const int ranks = chains * kChainRanks;
    Command command{{KILL_RANK_PROGRAM}, variables};
    if (under_mpirun()) {
      command.words = {MPIRUN, "--oversubscribe",     "--enable-recovery",  "--mca", "mpi_yield_when_idle", "1",
                       "-n",   std::to_string(ranks), KILL_MPI_RANK_PROGRAM};
    }
    command.words.insert(command.words.end(), words.begin(), words.end());
    if (under_mpirun()) return {command};
    std::vector<Command> all(static_cast<size_t>(ranks), command);
    for (size_t rank = 0; rank < all.size(); ++rank) all[rank].words.push_back(std::to_string(rank));
    return all;
  }

  // The ranks of a trial without its victim report once each.
  void expect_survivors(const std::string& output, int chain, int index, const Trial& trial) {
    const std::string name = std::to_string(chain) + "\\." + std::to_string(index);
    const std::regex report("trial " + name + " rank ([0-9]+): code ([0-9]+) after ([0-9]+) ms[^\n]*");
    std::vector<int> survivors(static_cast<size_t>(trial.nranks()), 1);
    survivors[static_cast<size_t>(trial.victim)] = 0;
    std::vector<int> reports(survivors.size(), 0);
    const std::string victim = "rank " + std::to_string(trial.victim);
    bool named = false;  // by the first to notice; the others may know only that this one has given up
    for (std::sregex_iterator found(output.begin(), output.end(), report), end; found != end; ++found) {
      const auto rank = std::stoul((*found)[1]);
      const int code = std::stoi((*found)[2]);
      const double ms = std::stod((*found)[3]);
      ASSERT_LT(rank, reports.size()) << found->str();
      ++reports[rank];
      EXPECT_TRUE(GetParam().notices ? code == collRemoteError : tells_of_death(code)) << found->str();
      named |= found->str().find(victim) != std::string::npos && found->str().find("has ended") != std::string::npos;
      EXPECT_LE(ms, trial.timeout_ms * timeout_factor() + kSlackMs) << found->str();
      ++codes_[code];
      longest_ms_ = std::max(longest_ms_, ms);
    }
    EXPECT_EQ(reports, survivors);
    EXPECT_TRUE(named || !GetParam().notices) << "nobody says that " << victim << " has ended";
  }

  // How the processes of a chain ended: the victims of its trials killed, the one that is left without an error.
  void expect_ends(const std::vector<End>& ends, const std::array<Trial, kChainTrials>& trials) {
    std::vector<End> expected(kChainRanks, End{0, 0});
    for (const Trial& trial : trials) {
      expected[static_cast<size_t>(trial.ranks[static_cast<size_t>(trial.victim)])] = kKilled;
    }
    EXPECT_EQ(ends, expected) << "signals and exit codes";
    killed_ += static_cast<int>(std::count(ends.begin(), ends.end(), kKilled));
  }

  // By the rank in the program. mpirun does not tell how a rank ended, so the ranks' parents do.
  std::vector<End> ends_of(const std::vector<Ended>& programs, const std::string& output, int ranks) const {
    std::vector<End> ends(static_cast<size_t>(ranks), kUnknown);
    if (!under_mpirun()) {
      std::ranges::transform(programs, ends.begin(), &end_of);
      return ends;
    }
    const std::regex report("process ([0-9]+) ended: signal ([0-9]+), exit code (-?[0-9]+)");
    for (std::sregex_iterator found(output.begin(), output.end(), report), end; found != end; ++found) {
      const auto rank = std::stoul((*found)[1]);
      if (rank < ends.size()) ends[rank] = {std::stoi((*found)[2]), std::stoi((*found)[3])};
    }
    EXPECT_EQ(end_of(programs[0]), End(0, 0)) << "mpirun, whose --enable-recovery makes the killed ranks no error";
    return ends;
  }

  void run(int first_chain, int chains) {
    const std::vector<Ended> programs = run_together(commands(first_chain, chains), kMostSeconds);
    std::string output;
    for (const Ended& ended : programs) {
      output += ended.output;
      EXPECT_TRUE(ended.in_time);
    }
    const std::vector<End> ends = ends_of(programs, output, chains * kChainRanks);
    auto of_chain = ends.begin();
    for (int chain = first_chain; chain < first_chain + chains; ++chain, of_chain += kChainRanks) {
      const auto trials = trials_of(seed_, chain);
      for (int i = 0; i < kChainTrials; ++i) {
        SCOPED_TRACE(trials[static_cast<size_t>(i)].text());
        expect_survivors(output, chain, i, trials[static_cast<size_t>(i)]);
      }
      SCOPED_TRACE("chain " + std::to_string(chain));
      expect_ends({of_chain, of_chain + kChainRanks}, trials);
    }
    EXPECT_EQ(running_with(directory_.path()), std::vector<std::string>());
    EXPECT_EQ(left_in_shared_memory(), std::vector<std::string>());
    if (HasFailure()) std::puts(output.c_str());
  }

  uint64_t seed_ = number_from("KILL_SEED", std::random_device()());
  Directory directory_;
  std::map<int, int> codes_;  // how often survivors got which
  double longest_ms_ = 0;
  int killed_ = 0;
};

TEST_P(Killed, SurvivorsReturnAnErrorAndGoOn) {
  const int trials = static_cast<int>(number_from("KILL_TRIALS", uint64_t{2} * kChainsAtOnce * kChainTrials));
  const int chains = (trials + kChainTrials - 1) / kChainTrials;
  ASSERT_FALSE(directory_.path().empty());
  SCOPED_TRACE("KILL_SEED=" + std::to_string(seed_));
  for (int first = 0; first < chains && !HasFailure(); first += kChainsAtOnce) {
    run(first, std::min(kChainsAtOnce, chains - first));
  }
  std::printf(
      "%d kills, KILL_SEED=%s: survivors returned %d x collTimeout, %d x collRemoteError, "
      "after %.0f ms at most\n",
      killed_, std::to_string(seed_).c_str(), codes_[collTimeout], codes_[collRemoteError], longest_ms_);
}

INSTANTIATE_TEST_SUITE_P(Transports, Killed, testing::ValuesIn(kKinds),
                         [](const auto& tested) { return std::string(tested.param.transport); });

}  // namespace

}  // namespace coll::test
