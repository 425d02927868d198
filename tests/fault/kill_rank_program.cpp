// One rank of a chain of kills: kill_rank_program SEED FIRST_CHAIN TIMEOUT_FACTOR DIRECTORY IDS... [RANK].
// In each of the chain's trials the victim kills itself at the moment drawn for it; every survivor reports in one line
// and joins the next one. Under mpirun RANK is MPI's, and every kChainRanks ranks are a chain.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#ifdef COLL_TEST_MPI
#include <mpi.h>
#endif

#include "tests/fault/kill_trial.hpp"
#include "tests/fault/outcome.hpp"

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

// Collectives of one kind over and over, each result checked.
class Loop {
 public:
  Loop(const Trial& trial, int rank, collComm_t comm)
      : trial_(trial), rank_(rank), comm_(comm), n_(static_cast<size_t>(trial.nranks())) {
    if (trial.work == Work::kAllReduceInt8 && collCodecCreate(&codec_, "int8") != collSuccess) codec_ = nullptr;
    parts_.resize(trial.count * n_);
    part_.resize(trial.count);
  }
  ~Loop() {
    if (codec_ != nullptr) collCodecDestroy(codec_);
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  Outcome until_failure() {
    while (true) {
      std::fill(parts_.begin(), parts_.end(), own_value());
      std::fill(part_.begin(), part_.end(), own_value());
      const Outcome outcome = outcome_of(comm_, [this] { return call(); });
      if (outcome.code != collSuccess) return outcome;
      if (!right()) return {collInternalError, "a call succeeded with a wrong result"};
    }
  }

 private:
  float own_value() const { return static_cast<float>(rank_ + 1); }
  int root() const { return static_cast<int>(trial_.count % n_); }

  collResult_t call() {
    const size_t count = trial_.count;
    float* const all = parts_.data();
    float* const mine = all + static_cast<size_t>(rank_) * count;
    float* const part = part_.data();
    switch (trial_.work) {
      case Work::kAllReduce:
      case Work::kTinyAllReduce:
        return collAllReduce(trial_.in_place ? all : part, all, count, collFloat32, collSum, comm_, nullptr);
      case Work::kAllReduceInt8:
        return collAllReduceCompressed(trial_.in_place ? all : part, all, count, collFloat32, collSum, codec_, comm_,
                                       nullptr);
      case Work::kReduceScatter:
        return collReduceScatter(all, trial_.in_place ? mine : part, count, collFloat32, collSum, comm_, nullptr);
      case Work::kAllGather:
        return collAllGather(trial_.in_place ? mine : part, all, count, collFloat32, comm_, nullptr);
      case Work::kBroadcast:
        return collBroadcast(trial_.in_place ? all : part, all, count, collFloat32, root(), comm_, nullptr);
    }
    return collInternalError;
  }

  bool all_are(const float* values, float expected) const {
    const float tolerance = codec_ != nullptr ? expected * 0.02F : 0.0F;
    return std::all_of(values, values + trial_.count,
                       [&](float value) { return std::abs(value - expected) <= tolerance; });
  }

  bool right() const {
    const auto sum = static_cast<float>(n_ * (n_ + 1) / 2);
    const float* const all = parts_.data();
    if (trial_.work == Work::kReduceScatter) {
      return all_are(trial_.in_place ? all + static_cast<size_t>(rank_) * trial_.count : part_.data(), sum);
    }
    if (trial_.work == Work::kBroadcast) return all_are(all, static_cast<float>(root() + 1));
    if (trial_.work != Work::kAllGather) return all_are(all, sum);
    for (size_t peer = 0; peer < n_; ++peer) {
      if (!all_are(all + peer * trial_.count, static_cast<float>(peer + 1))) return false;
    }
    return true;
  }

  const Trial& trial_;
  int rank_;
  collComm_t comm_;
  size_t n_;
  collCodec_t codec_ = nullptr;
  std::vector<float> parts_, part_;
};

collUniqueId id_from(const char* hex) {
  collUniqueId id{};
  for (size_t i = 0; i < sizeof id.internal && std::strlen(hex) == 2 * sizeof id.internal; ++i) {
    const char byte[3] = {hex[2 * i], hex[2 * i + 1], 0};
    id.internal[i] = static_cast<char>(std::strtoul(byte, nullptr, 16));
  }
  return id;
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

// What a process loads once takes its time where all do it together; joining a trial has that trial's time-out.
bool warm_up(const collUniqueId& id, int rank) {
  collConfig_t config = COLL_CONFIG_INITIALIZER;
  config.timeout_ms = 60000;
  collComm_t comm = nullptr;
  if (collCommInitRankConfig(&comm, kChainRanks, id, rank, &config) != collSuccess) return false;
  return sum_of_ones(comm, 100000).code == collSuccess && collCommDestroy(comm) == collSuccess;
}

bool survived(const Outcome& outcome) { return outcome.code == collTimeout || outcome.code == collRemoteError; }

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
    const Outcome outcome = undergo(trial, place);
    std::printf("trial %s rank %d: code %d after %.0f ms: %s\n", name.c_str(), place.rank, outcome.code, outcome.ms,
                outcome.words.c_str());
    std::fflush(stdout);
    if (!survived(outcome)) return 1;
  }
  return 0;
}

}  // namespace

}  // namespace coll::test

int main(int argc, char** argv) {
#ifdef COLL_TEST_MPI
  MPI_Init(&argc, &argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  ::_exit(coll::test::run_chain(argv + 1, rank));  // MPI_Finalize would wait for the dead
#else
  return coll::test::run_chain(argv + 1, std::atoi(argv[argc - 1]));
#endif
}
