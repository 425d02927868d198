#include "transport/mpi/comm.hpp"

#include <sched.h>

#include <thread>

#include "transport/mpi/simulator.hpp"

namespace coll::mpi {

namespace {

// A rank that waits this long for its peers sleeps a little between two looks.
constexpr std::chrono::milliseconds kSpin{20};
constexpr std::chrono::microseconds kNap{200};

bool finalised() {
  int flag = 0;
  return PMPI_Finalized(&flag) != MPI_SUCCESS || flag != 0;
}

}  // namespace

Status to_status(int error, const std::string& what) {
  if (error == MPI_SUCCESS) return {};
  char words[MPI_MAX_ERROR_STRING + 1] = "unknown error";
  int length = 0;
  PMPI_Error_string(error, words, &length);
  return {collSystemError, text(what, ": ", words)};
}

std::string who(int rank, const char* call, int peer) {
  return text("rank ", rank, ": ", call, peer < 0 ? "" : text(" with rank ", peer));
}

Status check_usable() {
  int initialised = 0;
  PMPI_Initialized(&initialised);
  if (initialised == 0) return {collInvalidUsage, "MPI is not initialised: call MPI_Init first"};
  if (finalised()) return {collInvalidUsage, "MPI is already finalised"};
  int level = MPI_THREAD_SINGLE;
  int is_main = 0;
  PMPI_Query_thread(&level);
  PMPI_Is_thread_main(&is_main);
  if (in_simulator()) return {};  // where one thread may be all ranks, and is the main one of none
  if (level <= MPI_THREAD_FUNNELED && is_main == 0) {
    return {collInvalidUsage, "MPI was initialised for its main thread only, and this is another thread"};
  }
  return {};
}

OwnedComm::OwnedComm(MPI_Comm comm) : comm_(comm) {
  PMPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN);
  PMPI_Comm_rank(comm_, &rank_);
  PMPI_Comm_size(comm_, &nranks_);
}

OwnedComm::~OwnedComm() {
  if (!leak_ && !finalised()) PMPI_Comm_free(&comm_);
}

Status wait_until(MPI_Request* request, Clock::time_point deadline, bool* done) {
  const Clock::time_point start = Clock::now();
  while (true) {
    int flag = 0;
    if (const int error = PMPI_Test(request, &flag, MPI_STATUS_IGNORE); error != MPI_SUCCESS) {
      return to_status(error, "waiting for other ranks");
    }
    *done = flag != 0;
    const Clock::time_point now = Clock::now();
    if (*done || now >= deadline) return {};
    if (now - start < kSpin) {
      ::sched_yield();
    } else {
      std::this_thread::sleep_for(kNap);
    }
  }
}

}  // namespace coll::mpi
