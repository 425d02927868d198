// The ranks' inputs: made up from (rank, element), or tiled from files. Any rank can make any other's.
#pragma once

#include <coll/coll.h>

#include <cstddef>
#include <string>
#include <vector>

namespace coll::perf {

class Input {
 public:
  // Made-up values: floats in [-1, 1) (near 1 for products), integers over their whole range.
  Input(collDataType_t type, collRedOp_t op) : type_(type), op_(op) {}

  // The same, with rank r's elements from the file that `pattern` names with r for every %r, over and over again.
  // "" or what is wrong with a file.
  std::string load(const std::string& pattern, int nranks);

  // Elements [begin, begin + count) of `rank`'s input, in the type's own bytes.
  void fill(int rank, size_t begin, size_t count, std::byte* out) const;

  collDataType_t type() const { return type_; }

 private:
  void make(int rank, size_t begin, size_t count, std::byte* out) const;

  collDataType_t type_;
  collRedOp_t op_;
  std::vector<std::vector<std::byte>> files_;  // by rank; empty: made-up values
};

std::string file_of_rank(const std::string& pattern, int rank);

// out[0..bytes) = bytes [begin, begin + bytes) of `tile` repeated for ever.
void copy_tiled(const std::vector<std::byte>& tile, size_t begin, size_t bytes, std::byte* out);

}  // namespace coll::perf
