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

// Where the file's new text is written before it takes the old one's place; "": it is no ordinary file, or its folder
// takes no other.
fs::path beside(const fs::path& path) {
  std::error_code failed;
  if (!fs::is_regular_file(path, failed)) return {};
  const fs::path part = fs::canonical(path, failed).string() + ".part";
  return !failed && std::ofstream(part) ? part : fs::path();
}

// As a whole: whoever ends the process meanwhile, or a full disk, leaves the file as it was before.
bool replace(const fs::path& path, const fs::path& part, const std::string& text) {
  std::error_code failed;
  if (put(part, text)) {
    fs::rename(part, fs::canonical(path, failed), failed);
    if (!failed) return true;
    errno = failed.value();
  }
  const int error = errno;
  fs::remove(part, failed);
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
  const fs::path part = beside(path);
  const bool written = part.empty() ? put(path, text) : replace(path, part, text);
  if (!written) return {fmt::format("cannot write {}: {}", path, std::strerror(errno)), kCheckFailed};
  return {};
}

}  // namespace coll::perf
