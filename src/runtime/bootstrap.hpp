// Bootstrap: how the ranks of a new communicator exchange their first few bytes.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>

#include "base/status.hpp"

namespace coll {

using Clock = std::chrono::steady_clock;

class Bootstrap {
 public:
  virtual ~Bootstrap() = default;
  virtual int rank() const = 0;
  virtual int nranks() const = 0;
  // all[r*mine.size() ..) = rank r's `mine`. Collective, every rank with the same size; blocks until `deadline`, then
  // collTimeout that names the missing ranks where that is known.
  virtual Status allgather(std::span<const std::byte> mine, std::byte* all, Clock::time_point deadline) = 0;
  // The host that a simulator has put this rank on, by the simulator's name for it; "" on a real machine. Simulated
  // ranks are in one process, whatever hosts they are on: nothing of that machine is theirs.
  virtual std::string simulated_host() const { return {}; }
};

}  // namespace coll
