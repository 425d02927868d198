// One rank of a chain of kills: kill_rank_program SEED FIRST_CHAIN TIMEOUT_FACTOR DIRECTORY IDS... [RANK].
// In each of the chain's trials the victim kills itself at the moment drawn for it; every survivor reports in one line
// and joins the next one. Under mpirun RANK is MPI's, and every kChainRanks ranks are a chain; a parent of its own
// reports how each rank ended, since mpirun does not.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#ifdef COLL_TEST_MPI
#include <mpi.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#endif

#include "tests/fault/kill_loop.hpp"
#include "tests/fault/kill_trial.hpp"
#include "tests/fault/outcome.hpp"
#include "tests/fault/unique_id.hpp"

namespace coll::test {

namespace {

// The ranks of a trial wait for each other without the library: each adds a byte to a file.
bool meet(const std::string& path, int nranks) {
  const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0 || ::write(fd, "x", 1) != 1) return false;
  struct stat info {};
  constexpr int kLooks = 30000;
  for (int look = 0; look < kLooks && info.st_size < nranks; ++look) {
    if (look > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (::fstat(fd, &info) != 0) break;
  }
  ::close(fd);
  return info.st_size >= nranks;
}

// As if the system had run out of memory; by the kernel's own clock, so at any instruction.
void die_in(int us) {
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGKILL;
  timer_t timer{};
  itimerspec when{};
  when.it_value.tv_nsec = int64_t{us} * 1000;
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || ::timer_settime(timer, 0, &when, nullptr) != 0) {
    ::kill(::getpid(), SIGKILL);
  }
}

struct Place {
  int rank;
  collUniqueId id;
  std::string file;  // where the trial's ranks meet
  int timeout_ms;
};

Outcome undergo(const Trial& trial, const Place& place) {
  if (!meet(place.file + "join", trial.nranks())) return {collInternalError, "a survivor did not come back"};
  collComm_t comm = nullptr;
  collConfig_t config = COLL_CONFIG_INITIALIZER;
  config.timeout_ms = place.timeout_ms;
  const auto join = [&] { return collCommInitRankConfig(&comm, trial.nranks(), place.id, place.rank, &config); };
  if (const Outcome joined = outcome_of(nullptr, join); joined.code != collSuccess) {
    return {collInternalError, "cannot join: " + joined.words};
  }
  if (const Outcome sum = sum_of_ones(comm, 100000); sum.code != collSuccess) {
    return {collInternalError, "the first sum failed: " + sum.words};
  }
  if (!meet(place.file + "go", trial.nranks())) return {collInternalError, "a rank did not get through the first sum"};
  Loop loop(trial, place.rank, comm);
  if (place.rank == trial.victim) die_in(trial.dies_after_us);
  const Outcome outcome = loop.until_failure();
  const collResult_t again = collBarrier(comm, nullptr);
  if (again != outcome.code) return {collInternalError, "another error from the next call, after: " + outcome.words};
  return collCommDestroy(comm) == collSuccess ? outcome : Outcome{collInternalError, "destroying failed"};
}

// Memory shared with peers that this process still has mapped or open; its own is freed and communicators are gone.
std::string shared_memory_held() {
  const auto is_shared = [](const std::string& name) {
    return name.find("/memfd:libcoll") != std::string::npos || name.find("/dev/shm/libcoll") != std::string::npos;
  };
  std::string held, line;
  for (std::ifstream maps("/proc/self/maps"); std::getline(maps, line);) held += is_shared(line) ? line + "; " : "";
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;  // the directory's own descriptor
    const std::string target = std::filesystem::read_symlink(entry.path(), gone);
    held += is_shared(target) ? "open: " + target + "; " : "";
  }
  return held;
}

// What a process loads once takes its time where all do it together; joining a trial has that trial's time-out.
bool warm_up(const collUniqueId& id, int rank) {
  collConfig_t config = COLL_CONFIG_INITIALIZER;
  config.timeout_ms = 60000;
  collComm_t comm = nullptr;
  if (collCommInitRankConfig(&comm, kChainRanks, id, rank, &config) != collSuccess) return false;
  return sum_of_ones(comm, 100000).code == collSuccess && collCommDestroy(comm) == collSuccess;
}

// `arguments`: those after the program's name; the ids of all chains of this program, chain after chain.
int run_chain(char** arguments, int program_rank) {
  const int first = std::atoi(arguments[1]), nth = program_rank / kChainRanks, mine = program_rank % kChainRanks;
  const auto trials = trials_of(std::strtoull(arguments[0], nullptr, 10), first + nth);
  char** const ids = arguments + 4 + nth * kChainIds;
  if (!warm_up(id_from(ids[kChainTrials]), mine)) {
    std::printf("rank %d cannot warm up: %s\n", mine, collGetLastError(nullptr));
    return 1;
  }
  for (int i = 0; i < kChainTrials; ++i) {
    const Trial& trial = trials[static_cast<size_t>(i)];
    const auto at = std::find(trial.ranks.begin(), trial.ranks.end(), mine);
    const std::string name = std::to_string(first + nth) + "." + std::to_string(i);
    const Place place{static_cast<int>(at - trial.ranks.begin()), id_from(ids[i]),
                      std::string(arguments[3]) + "/" + name + ".", trial.timeout_ms * std::atoi(arguments[2])};
    Outcome outcome = undergo(trial, place);
    const std::string held = shared_memory_held();
    if (tells_of_death(outcome.code) && !held.empty()) {
      outcome = {collInternalError, "shared memory is left: " + held};
    }
    std::printf("trial %s rank %d: code %d after %.0f ms: %s\n", name.c_str(), place.rank, outcome.code, outcome.ms,
                outcome.words.c_str());
    std::fflush(stdout);
    if (!tells_of_death(outcome.code)) return 1;
  }
  return 0;
}

#ifdef COLL_TEST_MPI
// Between mpirun and a rank: waits for it, reports how it ended, and ends in the same way.
void watch(pid_t rank_process) {
  int status = 0;
  ::waitpid(rank_process, &status, 0);
  const char* mpi_rank = std::getenv("OMPI_COMM_WORLD_RANK");
  std::printf("process %s ended: signal %d, exit code %d\n", mpi_rank != nullptr ? mpi_rank : "?",
              WIFSIGNALED(status) ? WTERMSIG(status) : 0, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
  std::fflush(stdout);
  if (WIFSIGNALED(status)) ::kill(::getpid(), SIGKILL);
  ::_exit(WEXITSTATUS(status));
}
#endif

}  // namespace

}  // namespace coll::test

int main(int argc, char** argv) {
#ifdef COLL_TEST_MPI
  if (const pid_t rank_process = ::fork(); rank_process != 0) coll::test::watch(rank_process);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  MPI_Init(&argc, &argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  ::_exit(coll::test::run_chain(argv + 1, rank));  // MPI_Finalize would wait for the dead
#else
  return coll::test::run_chain(argv + 1, std::atoi(argv[argc - 1]));
#endif
}
