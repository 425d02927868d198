// Ways in which two processes of a node can all-reduce, as bare loops over memory: what a library is held against.
#pragma once

#include <cstddef>
#include <string_view>

#include "team.hpp"

namespace coll::perf {

// The buffers of one size. Each process has one input and one output; the shared ones of both are seen by both.
struct Arena {
  explicit Arena(size_t max_bytes);
  std::byte* shared_input(int rank) const { return shared.data() + static_cast<size_t>(rank) * bytes; }
  std::byte* shared_output(int rank) const { return shared.data() + static_cast<size_t>(Team::kSize + rank) * bytes; }
  std::byte* input() const { return own.data(); }
  std::byte* output() const { return own.data() + bytes; }

  size_t bytes;  // of each buffer
  Pages shared;
  Pages own;  // at the same addresses in both processes
};

struct Method {
  std::string_view name;
  std::string_view what;
  bool shared;   // which output holds the result
  bool reduces;  // to the sum of both inputs; otherwise to a copy of the process's own
  // All that this process does of one all-reduce of so many floats; false: the system refused.
  bool (*run)(const Team& team, const Arena& arena, size_t count);
};

inline constexpr int kMethods = 5;
extern const Method kAllMethods[kMethods];

// Makes the inputs, which touches all pages; then whether an output is what it must be.
void fill(const Team& team, const Arena& arena);
bool is_right(const Team& team, const Arena& arena, const Method& method, size_t count);

}  // namespace coll::perf
