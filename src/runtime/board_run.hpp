// One call through the node's board: the steps of its plan read what the peers have posted, where it lies.
#pragma once

#include "collectives/plan.hpp"
#include "runtime/call.hpp"
#include "transport/board.hpp"

namespace coll {

class BoardRun {
 public:
  // `call`, `plan` and `board` outlive the run. Runs are made in the order of the calls.
  BoardRun(const Call& call, const Plan& plan, Board& board)
      : call_(call), plan_(plan), board_(board), number_(board.reserve()), bytes_(post_bytes(call, plan)) {}

  // Does what can be done now; never blocks. True once the result is there.
  bool advance();
  int awaited_rank() const;     // whose post it waits for; -1: for an earlier call of this rank
  size_t posted_bytes() const;  // by this rank: none off the root of a broadcast

 private:
  static size_t post_bytes(const Call& call, const Plan& plan);
  bool perform(const Step& step);
  const std::byte* contribution(int rank, const Shard& part);

  const Call& call_;
  const Plan& plan_;
  Board& board_;
  uint64_t number_;
  size_t bytes_;  // of a post
  size_t step_ = 0;
  int round_ = 0;
  int awaited_ = -1;
  bool posted_ = false;
};

}  // namespace coll
