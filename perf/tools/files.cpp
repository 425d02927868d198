#include "files.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace coll::perf {

Problem try_files(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (path.empty() || std::ofstream(path, std::ios::app)) continue;
    return {fmt::format("cannot write {}: {}", path, std::strerror(errno)), kUsage};
  }
  return {};
}

Problem write_file(const std::string& path, const std::string& text) {
  if (path.empty()) return {};
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text << std::flush;
  if (!file) return {fmt::format("cannot write {}: {}", path, std::strerror(errno)), kCheckFailed};
  return {};
}

}  // namespace coll::perf
