// A call of one short post: every rank posts its input, where others need it, and reads theirs. What the plan's steps
// come to is worked out once, as a list of reads with their places, so that a call only runs down the list.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "collectives/plan.hpp"
#include "runtime/board_call.hpp"
#include "runtime/call.hpp"
#include "transport/board.hpp"

namespace coll {

// All places are in bytes.
struct ShortPlan {
  static constexpr int kOwn = -1;
  struct Source {
    int rank;   // whose post it is in; kOwn: in the own input
    size_t at;  // there
  };
  struct Read {
    size_t first;  // of its sources
    size_t count;
    size_t to;  // in the output
    size_t elements;
    bool reduce;
    bool finish;
  };
  struct Copy {
    size_t from;  // in the input
    size_t to;    // in the post
    size_t bytes;
  };
  std::vector<Copy> posted;  // empty: this rank has nothing that others need
  std::vector<Read> reads;
  std::vector<Source> sources;
  size_t post_bytes = 0;  // of anybody's post
  int nranks = 1;
};

// NULL where the call is none of one short post.
std::shared_ptr<const ShortPlan> short_plan_of(const Plan& plan, size_t element_bytes);

class ShortRun final : public BoardCall {
 public:
  // `call`, `plan` and `board` outlive the run. Runs, of both kinds, are made in the order of the calls.
  ShortRun(const Call& call, const ShortPlan& plan, Board& board)
      : BoardCall(board), call_(call), plan_(plan), post_{board.reserve(1), plan.post_bytes, true, true} {}

  bool advance(bool* moved) override;

 private:
  bool post();
  bool read(const ShortPlan::Read& read);
  bool read_all();

  const Call& call_;
  const ShortPlan& plan_;
  const Board::Post post_;
  bool posted_ = false;
  size_t next_read_ = 0;
};

}  // namespace coll
