// What the rank programs of the process tests have in common: one line of report, the result as exit code.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>

#include "tests/fault/outcome.hpp"

namespace coll::test {

inline void print(int rank, const Outcome& outcome) {
  std::printf("rank %d: code %d after %.0f ms: %s\n", rank, outcome.code, outcome.ms, outcome.words.c_str());
  std::fflush(stdout);
}

inline bool mpi_is_mapped() {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line)) {
    if (line.find("libmpi") != std::string::npos) return true;
  }
  return false;
}

// As if the system had run out of memory: nothing of the process is left to say goodbye.
inline void die_in(int ms) {
  std::thread([ms] {
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    ::kill(::getpid(), SIGKILL);
  }).detach();
}

// Large allreduces without end, until one fails.
inline Outcome sum_until_failure(collComm_t comm) {
  Outcome outcome;
  do outcome = sum_of_ones(comm, size_t{4} << 20);
  while (outcome.code == collSuccess);
  return outcome;
}

}  // namespace coll::test
