// One call through the node's board, on its way: BoardRun, or ShortRun where all it takes is one short post.
#pragma once

#include <cstddef>
#include <cstdint>

#include "transport/board.hpp"

namespace coll {

class BoardCall {
 public:
  virtual ~BoardCall() = default;
  BoardCall(const BoardCall&) = delete;
  BoardCall& operator=(const BoardCall&) = delete;

  // Does what can be done now, and sets *moved where that was something; never blocks. True once the result is there.
  virtual bool advance(bool* moved) = 0;
  // Whose post it waits for, or whose reading of an earlier one; -1: for an earlier call of this rank.
  int awaited_rank() const { return awaited_ >= 0 || !begun_ ? awaited_ : board_.awaited_to_post(); }
  size_t posted_bytes() const { return posted_bytes_; }  // by this rank, of the user's data
  double reduce_s() const { return reduce_s_; }          // without the shortest pieces

 protected:
  explicit BoardCall(Board& board) : board_(board) {}
  // False while an earlier call is to post or read. `first` is the number of this one's first post.
  bool begin(uint64_t first) { return begun_ = begun_ || board_.may_begin(first); }

  Board& board_;
  int awaited_ = -1;  // whose post it waits for
  size_t posted_bytes_ = 0;
  double reduce_s_ = 0;

 private:
  bool begun_ = false;
};

}  // namespace coll
