// Ranks as threads, for the transports that allow it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/inproc_bootstrap.hpp"
#include "transport/inproc/inproc.hpp"
#include "transport/shm/shm.hpp"

namespace coll::test {

// Runs `body(rank)` on `nranks` threads.
inline void run_ranks(int nranks, const std::function<void(int rank)>& body) {
  std::vector<std::thread> threads;
  for (int rank = 0; rank < nranks; ++rank) threads.emplace_back([&body, rank] { body(rank); });
  for (std::thread& thread : threads) thread.join();
}

inline std::vector<int> first_ranks(int nranks) {
  std::vector<int> ranks;
  for (int rank = 0; rank < nranks; ++rank) ranks.push_back(rank);
  return ranks;
}

// Options of a rank of one node, meeting the others in `bootstrap`.
inline ShmOptions shm_options(Bootstrap& bootstrap) {
  ShmOptions options;
  options.rank = bootstrap.rank();
  options.nranks = bootstrap.nranks();
  options.local_ranks = first_ranks(bootstrap.nranks());
  options.allgather = [&bootstrap](std::span<const std::byte> mine, std::byte* all) {
    return bootstrap.allgather(mine, all, Clock::now() + std::chrono::seconds(30));
  };
  return options;
}

}  // namespace coll::test
