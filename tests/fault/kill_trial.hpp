// Trials of killing, drawn from a seed, so that the test and all ranks know them without talking.
//
// Four ranks make a chain of three trials: each kills one rank, and the others join anew and go on with what is left.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "coll/coll.h"

namespace coll::test {

inline constexpr int kChainRanks = 4;
inline constexpr int kChainTrials = kChainRanks - 1;
inline constexpr int kChainIds = kChainTrials + 1;  // the last is for warming up

enum class Work { kAllReduce, kAllReduceInt8, kReduceScatter, kAllGather, kBroadcast, kTinyAllReduce };
inline constexpr std::array kWorks = {"allreduce", "allreduce int8", "reduce-scatter",
                                      "allgather", "broadcast",      "tiny allreduce"};

// Whose buffers are memory of collMemAlloc(), which the peers read where it lies.
enum class Mapped { kNobody, kAll, kEvenRanks };
inline constexpr std::array kMappedTexts = {"", ", mapped", ", mapped on even ranks"};

struct Trial {
  std::vector<int> ranks;  // of the chain, that are alive; a rank's place here is its rank in the communicator
  int victim;              // in the communicator
  Work work;
  bool in_place;
  Mapped mapped;
  size_t count;  // floats per rank's part
  int timeout_ms;
  int dies_after_us;

  int nranks() const { return static_cast<int>(ranks.size()); }
  bool maps(int rank) const { return mapped == Mapped::kAll || (mapped == Mapped::kEvenRanks && rank % 2 == 0); }
  std::string text() const {
    return std::string(kWorks[static_cast<size_t>(work)]) + (in_place ? " in place" : "") +
           kMappedTexts[static_cast<size_t>(mapped)] + ", " + std::to_string(count) + " floats, rank " +
           std::to_string(victim) + " of " + std::to_string(nranks()) + " dies after " + std::to_string(dies_after_us) +
           " us";
  }
};

inline std::array<Trial, kChainTrials> trials_of(uint64_t seed, int chain) {
  std::mt19937_64 random(seed + static_cast<uint64_t>(chain));
  const auto draw = [&random](size_t least, size_t most) { return least + random() % (most - least + 1); };
  std::vector<int> ranks;
  for (int rank = 0; rank < kChainRanks; ++rank) ranks.push_back(rank);
  std::array<Trial, kChainTrials> trials;
  for (int i = 0; i < kChainTrials; ++i) {
    std::shuffle(ranks.begin(), ranks.end(), random);
    const size_t victim = draw(0, ranks.size() - 1);
    // Works take turns, shifted by one from chain to chain, so that each meets every number of ranks.
    const size_t work = static_cast<size_t>(chain + i) % kWorks.size();
    const bool tiny = static_cast<Work>(work) == Work::kTinyAllReduce;
    trials[static_cast<size_t>(i)] = {.ranks = ranks,
                                      .victim = static_cast<int>(victim),
                                      .work = static_cast<Work>(work),
                                      .in_place = draw(0, 1) == 1,
                                      .mapped = static_cast<Mapped>(draw(0, kMappedTexts.size() - 1)),
                                      .count = tiny ? draw(1, 1024) : draw(size_t{1} << 18, size_t{3} << 19),
                                      .timeout_ms = static_cast<int>(draw(400, 600)),
                                      .dies_after_us = static_cast<int>(tiny ? draw(1, 8000) : draw(1, 50000))};
    ranks.erase(ranks.begin() + static_cast<std::ptrdiff_t>(victim));
  }
  return trials;
}

// Whether a survivor's failure says that a peer is gone.
inline bool tells_of_death(int code) { return code == collTimeout || code == collRemoteError; }

}  // namespace coll::test
