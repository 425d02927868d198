// Why a run of a tool ends early, and the files it writes.
#pragma once

#include <string>
#include <vector>

namespace coll::perf {

inline constexpr int kCheckFailed = 1, kUsage = 2;  // statuses of the process

// Why a run cannot go on, in words, and the process's status then. Empty: it can.
struct Problem {
  std::string text;
  int status = 1;
  explicit operator bool() const { return !text.empty(); }
};

// Whether the files can be written ("" is none): better known before the run than after it.
Problem try_files(const std::vector<std::string>& paths);
// Nothing where `path` is "". An ordinary file that exists has the old text or the new one at any moment.
Problem write_file(const std::string& path, const std::string& text);

}  // namespace coll::perf
