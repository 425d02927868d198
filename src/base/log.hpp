// The log of one communicator: COLL_DEBUG's level, COLL_DEBUG_SUBSYS's parts, to stderr or COLL_DEBUG_FILE.
//
// One line per event, "coll[rank 3] INFO PLAN: ...", written with one write(2), so that lines of several ranks do not
// mix. Warnings are written whatever the part. Any thread may write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/env.hpp"
#include "base/status.hpp"

namespace coll {

enum class LogLevel { kNone, kWarn, kInfo, kTrace };
enum class LogPart { kInit, kTopo, kPlan, kTransport, kCodec, kEnv };

std::string_view log_level_name(LogLevel level);
bool parse_log_level(std::string_view value, LogLevel* level);
// "PLAN,TOPO", "ALL" or "^TRANSPORT" -> one bit per LogPart. False where a name is unknown.
bool parse_log_subsystems(std::string_view value, uint32_t* mask);
std::string log_subsystem_list();  // "INIT, TOPO, ..."

class Log {
 public:
  Log() = default;  // silent
  // `env` has been checked by read_env(). Where the debug file cannot be opened the log goes to stderr and says so.
  Log(const Env& env, int rank);
  ~Log();
  Log(Log&& other) noexcept;
  Log& operator=(Log&& other) noexcept;

  bool on(LogLevel level, LogPart part) const {
    return level == LogLevel::kWarn ? level_ >= level : level_ >= level && (parts_ >> static_cast<int>(part) & 1) != 0;
  }

  // The parts of a message are put together only where it is written.
  template <typename... Parts>
  void warn(LogPart part, const Parts&... parts) const {
    if (on(LogLevel::kWarn, part)) write(LogLevel::kWarn, part, text(parts...));
  }
  template <typename... Parts>
  void info(LogPart part, const Parts&... parts) const {
    if (on(LogLevel::kInfo, part)) write(LogLevel::kInfo, part, text(parts...));
  }
  template <typename... Parts>
  void trace(LogPart part, const Parts&... parts) const {
    if (on(LogLevel::kTrace, part)) write(LogLevel::kTrace, part, text(parts...));
  }

 private:
  void write(LogLevel level, LogPart part, std::string_view message) const;

  LogLevel level_ = LogLevel::kNone;
  uint32_t parts_ = 0;
  int rank_ = -1;
  int fd_ = 2;
  bool owns_fd_ = false;
};

}  // namespace coll
