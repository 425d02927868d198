#include "files.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace coll::perf {

namespace {

namespace fs = std::filesystem;

bool put(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text << std::flush;
  return file.good();
}

// An ordinary file as a whole: whoever ends the process meanwhile, or a full disk, leaves it as it was before. In place
// where its folder takes no other file.
bool replace(const fs::path& path, const std::string& text) {
  const fs::path part = path.string() + ".part";
  if (!std::ofstream(part)) return put(path, text);
  if (put(part, text) && std::rename(part.c_str(), path.c_str()) == 0) return true;
  const int error = errno;
  std::remove(part.c_str());
  errno = error;
  return false;
}

}  // namespace

Problem try_files(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (path.empty() || std::ofstream(path, std::ios::app)) continue;
    return {fmt::format("cannot write {}: {}", path, std::strerror(errno)), kUsage};
  }
  return {};
}

Problem write_file(const std::string& path, const std::string& text) {
  if (path.empty()) return {};
  std::error_code none;
  const bool ordinary = fs::is_regular_file(path, none);
  const bool written = ordinary ? replace(fs::canonical(path, none), text) : put(path, text);
  if (!written) return {fmt::format("cannot write {}: {}", path, std::strerror(errno)), kCheckFailed};
  return {};
}

}  // namespace coll::perf
