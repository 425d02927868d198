// A directory of the test's own, gone with everything in it when the object is.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

namespace coll::test {

class Directory {
 public:
  Directory() {
    std::string name = std::filesystem::temp_directory_path() / "coll-test-XXXXXX";
    const bool made = ::mkdtemp(name.data()) != nullptr;
    EXPECT_TRUE(made) << name;
    if (made) path_ = name;
  }
  ~Directory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  const std::filesystem::path& path() const { return path_; }  // empty: it could not be made
  bool empty() const { return std::filesystem::is_empty(path_); }

 private:
  std::filesystem::path path_;
};

}  // namespace coll::test
