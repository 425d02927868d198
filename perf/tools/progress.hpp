// One line on stderr that says how far a long run is.
#pragma once

#include <chrono>
#include <string>

namespace coll::perf {

// Also where mpirun stands between this process and the terminal.
bool stderr_is_terminal();

class Progress {
 public:
  Progress(bool shown, size_t total_calls) : shown_(shown), total_(total_calls) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // One more call is done; `what` is being measured. Draws at most ten times a second, and nothing in the first second.
  void step(const std::string& what);
  // Takes the line away, before something is printed.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  bool shown_;
  bool drawn_ = false;
  size_t done_ = 0, total_;
  Clock::time_point start_ = Clock::now(), last_ = start_;
};

}  // namespace coll::perf
