#include "progress.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace coll::perf {

bool stderr_is_terminal() {
  if (isatty(STDERR_FILENO) != 0) return true;
  // mpirun and its daemons hand a pipe to their children and pass on what comes through it to their own stderr.
  const std::string parents = fmt::format("/proc/{}/fd/{}", getppid(), STDERR_FILENO);
  const int fd = open(parents.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  const bool terminal = isatty(fd) != 0;
  close(fd);
  return terminal;
}

void Progress::step(const std::string& what) {
  ++done_;
  const auto now = Clock::now();
  if (!shown_ || now - start_ < std::chrono::seconds(1) || now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  drawn_ = true;
  const std::string line =
      fmt::format("\r\033[K{:3.0f} %  {}", 100.0 * static_cast<double>(done_) / static_cast<double>(total_), what);
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

void Progress::clear() {
  if (!drawn_) return;
  drawn_ = false;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
}

}  // namespace coll::perf
