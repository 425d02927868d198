// Ranges of time with a name, which a profiler shows beside the device's work: NVTX's, in its domain "libcoll". Without
// a profiler one costs a look at a pointer; in a build without NVTX it does nothing.
#pragma once

#include <cstdint>

namespace coll {

// "", or why this build has no ranges.
const char* ranges_missing();

// From here to the end of its life, on this thread; they nest. `name` is static.
class Range {
 public:
  explicit Range(const char* name, uint64_t bytes = 0) noexcept;
  ~Range();
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;

 private:
  bool seen_;  // there is somebody to end it for
};

}  // namespace coll
