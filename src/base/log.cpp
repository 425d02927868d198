#include "base/log.hpp"

#include <fcntl.h>
#include <strings.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace coll {

namespace {

constexpr std::array<std::string_view, 4> kLevelNames = {"NONE", "WARN", "INFO", "TRACE"};
constexpr std::array<std::string_view, 6> kPartNames = {"INIT", "TOPO", "PLAN", "TRANSPORT", "CODEC", "ENV"};
constexpr uint32_t kAllParts = (1u << kPartNames.size()) - 1;

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool part_mask(std::string_view name, uint32_t* mask) {
  if (same_word(name, "ALL")) {
    *mask = kAllParts;
    return true;
  }
  for (size_t i = 0; i < kPartNames.size(); ++i) {
    if (!same_word(name, kPartNames[i])) continue;
    *mask = 1u << i;
    return true;
  }
  return false;
}

std::string host_name() {
  char name[256] = "";
  if (gethostname(name, sizeof(name) - 1) != 0) return "unknown";
  return name;
}

// %h host, %p process, %r rank, %% a percent sign; other letters stay as they are.
std::string expand_path(std::string_view pattern, int rank) {
  std::string path;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char letter = pattern[i] == '%' && i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    if (letter == 'h') {
      path += host_name();
    } else if (letter == 'p') {
      path += std::to_string(getpid());
    } else if (letter == 'r') {
      path += std::to_string(rank);
    } else if (letter == '%') {
      path += '%';
    } else {
      path += pattern[i];
      continue;
    }
    ++i;
  }
  return path;
}

}  // namespace

std::string_view log_level_name(LogLevel level) { return kLevelNames[static_cast<size_t>(level)]; }

bool parse_log_level(std::string_view value, LogLevel* level) {
  for (size_t i = 0; i < kLevelNames.size(); ++i) {
    if (!same_word(value, kLevelNames[i])) continue;
    *level = static_cast<LogLevel>(i);
    return true;
  }
  return false;
}

bool parse_log_subsystems(std::string_view value, uint32_t* mask) {
  const bool exclude = value.starts_with('^');
  if (exclude) value.remove_prefix(1);
  uint32_t named = 0;
  while (true) {
    const size_t comma = value.find(',');
    uint32_t one = 0;
    if (!part_mask(value.substr(0, comma), &one)) return false;
    named |= one;
    if (comma == std::string_view::npos) break;
    value.remove_prefix(comma + 1);
  }
  *mask = exclude ? kAllParts & ~named : named;
  return true;
}

std::string log_subsystem_list() {
  std::string list;
  for (const std::string_view name : kPartNames) list += text(list.empty() ? "" : ", ", name);
  return list;
}

Log::Log(const Env& env, int rank) : rank_(rank) {
  if (!parse_log_level(env.debug, &level_)) level_ = LogLevel::kWarn;
  if (!parse_log_subsystems(env.debug_subsys, &parts_)) parts_ = kAllParts;
  if (env.debug_file.empty() || level_ == LogLevel::kNone) return;
  const std::string path = expand_path(env.debug_file, rank);
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) {
    warn(LogPart::kEnv, "COLL_DEBUG_FILE=", env.debug_file, ": cannot open ", path, ": ", std::strerror(errno),
         "; logging to stderr");
    return;
  }
  fd_ = fd;
  owns_fd_ = true;
}

Log::~Log() {
  if (owns_fd_) close(fd_);
}

Log::Log(Log&& other) noexcept { *this = std::move(other); }

Log& Log::operator=(Log&& other) noexcept {
  if (this == &other) return *this;
  if (owns_fd_) close(fd_);
  level_ = other.level_;
  parts_ = other.parts_;
  rank_ = other.rank_;
  fd_ = other.fd_;
  owns_fd_ = std::exchange(other.owns_fd_, false);
  other.level_ = LogLevel::kNone;
  return *this;
}

void Log::write(LogLevel level, LogPart part, std::string_view message) const {
  std::string line = rank_ >= 0 ? text("coll[rank ", rank_, "] ") : std::string("coll ");
  line += text(log_level_name(level), " ", kPartNames[static_cast<size_t>(part)], ": ");
  for (const char c : message) line += c == '\n' || c == '\r' ? ' ' : c;
  line += '\n';
  while (::write(fd_, line.data(), line.size()) < 0 && errno == EINTR) {
  }
}

}  // namespace coll
