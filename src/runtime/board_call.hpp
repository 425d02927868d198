// One call through the node's board, on its way: BoardRun, or ShortRun where all it takes is one short post.
#pragma once

#include <cstddef>

namespace coll {

class BoardCall {
 public:
  BoardCall() = default;
  virtual ~BoardCall() = default;
  BoardCall(const BoardCall&) = delete;
  BoardCall& operator=(const BoardCall&) = delete;

  // Does what can be done now, and sets *moved where that was something; never blocks. True once the result is there.
  virtual bool advance(bool* moved) = 0;
  // Whose post it waits for, or whose reading of an earlier one; -1: for an earlier call of this rank.
  virtual int awaited_rank() const = 0;
  size_t posted_bytes() const { return posted_bytes_; }  // by this rank, of the user's data
  double reduce_s() const { return reduce_s_; }          // without the shortest pieces

 protected:
  size_t posted_bytes_ = 0;
  double reduce_s_ = 0;
};

}  // namespace coll
