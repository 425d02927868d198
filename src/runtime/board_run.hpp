// One call through the node's board that takes more than one short post. For every chunk of its plan a rank posts its
// input, or the parts of it that others need, and reads the peers' posts where they lie; where its plan hands on what
// it has reduced, as an allreduce with shards does, it posts that too, and reads what the peers have reduced.
#pragma once

#include "collectives/plan.hpp"
#include "runtime/board_call.hpp"
#include "runtime/call.hpp"
#include "transport/board.hpp"

namespace coll {

class BoardRun final : public BoardCall {
 public:
  // `call`, `plan` and `board` outlive the run. Runs are made in the order of the calls.
  BoardRun(const Call& call, const Plan& plan, Board& board);

  bool advance(bool* moved) override;

 private:
  // Chunk after chunk through some of the plan's steps.
  struct Pass {
    size_t begin = 0;  // steps
    size_t end = 0;
    size_t chunk = 0;  // where it is
    size_t step = 0;
    int round = 0;
  };
  enum class Leg { kInputs, kResults };

  uint64_t number_of(Leg leg, size_t chunk) const;
  Board::Post post_of(Leg leg, size_t chunk) const;
  size_t place_of(Leg leg, int shard) const;
  bool is_next(const Board::Post& post) const { return post.number == first_number_ + posts_; }
  void post(const Board::Post& post);
  bool post_input();
  bool post_result();
  void copy_input(std::byte* to, size_t chunk);
  bool read(Pass& pass, Leg leg);
  bool perform(const Pass& pass, Leg leg);
  void produce(const Step& step, const Shard& part, std::span<const std::byte* const> inputs, size_t chunk);
  const std::byte* contribution(Leg leg, int rank, int shard, const Shard& part, size_t chunk);
  void finish_reads();

  const Call& call_;
  const Plan& plan_;
  size_t element_;           // bytes
  size_t pieces_of_input_;   // in a post of inputs, one after the other
  bool relays_ = false;      // there are posts of results
  bool posts_data_ = false;  // this rank has inputs that others need
  bool streams_;             // the output is too long to stay in the caches
  size_t piece_bytes_;       // of a shard in a post, at most
  uint64_t posts_of_call_;
  uint64_t first_number_;
  uint64_t posts_ = 0;  // that this rank has made
  size_t inputs_posted_ = 0;
  size_t results_posted_ = 0;
  Pass reads_;    // of inputs
  Pass gathers_;  // of results
};

}  // namespace coll
