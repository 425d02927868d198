#include "files.hpp"

#include <fmt/format.h>

#include <cerrno>
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

// As a whole: whoever ends the process meanwhile finds the file as it was before.
bool replace(const fs::path& path, const std::string& text) {
  const fs::path beside = path.string() + ".part";
  std::error_code failed;
  if (!put(beside, text)) return false;  // a folder where no more files may be made
  fs::rename(beside, path, failed);
  return !failed;
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
  if (fs::is_regular_file(path) && replace(fs::canonical(path), text)) return {};
  if (!put(path, text)) return {fmt::format("cannot write {}: {}", path, std::strerror(errno)), kCheckFailed};
  return {};
}

}  // namespace coll::perf
