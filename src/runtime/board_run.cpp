#include "runtime/board_run.hpp"

#include <cstring>

#include "reduce/reduce.hpp"

namespace coll {

size_t BoardRun::post_bytes(const Call& call, const Plan& plan) {
  const auto blocks = call.function == Function::kReduceScatter ? static_cast<size_t>(plan.nranks) : 1;
  return blocks * call.count * size_of(call.type);
}

size_t BoardRun::posted_bytes() const {
  return call_.function == Function::kBroadcast && plan_.rank != call_.root ? 0 : bytes_;
}

int BoardRun::awaited_rank() const { return posted_ ? awaited_ : board_.awaited_to_post(number_); }

bool BoardRun::advance() {
  if (!posted_) {
    if (!board_.may_post(number_)) return false;
    if (const size_t bytes = posted_bytes(); bytes > 0) {
      std::memcpy(board_.payload(number_, bytes_), call_.send, bytes);
    }
    board_.post(number_);
    posted_ = true;
  }
  if (awaited_ >= 0 && board_.look(awaited_, number_, bytes_) == nullptr) return false;
  for (; step_ < plan_.steps.size(); ++step_, round_ = 0) {
    for (; round_ < plan_.steps[step_].rounds; ++round_) {
      if (!perform(plan_.steps[step_])) return false;
    }
  }
  board_.finish(number_);
  return true;
}

// False where a post that the step reads is not there yet.
bool BoardRun::perform(const Step& step) {
  const Shard& part = plan_.shard_of(step, round_);
  const bool keeps_own = step.to_output && step.from.count == 0;
  if (part.count == 0 || (step.from.count == 0 && !keeps_own)) return true;  // what is sent has been posted
  const std::byte* inputs[kMostBoardRanks];
  size_t some = 0;
  if (keeps_own) inputs[some++] = contribution(plan_.rank, part);
  for (int j = 0; j < step.from.count; ++j) {
    const int peer = plan_.entry(step.from, round_, j);
    inputs[some] = contribution(peer, part);
    if (inputs[some++] == nullptr) {
      awaited_ = peer;
      return false;
    }
  }
  std::byte* output = call_.recv + (part.offset - plan_.output_origin) * size_of(call_.type);
  if (step.reduce) {
    const reduce::Reduction reduction{call_.type, call_.op, step.finish, plan_.nranks};
    reduce::reduce_many(reduction, {inputs, some}, {&output, 1}, part.count);
  } else if (output != inputs[0]) {
    std::memcpy(output, inputs[0], part.count * size_of(call_.type));
  }
  return true;
}

// Where `rank`'s elements of the part lie: in the own input, or behind its flag on the board.
const std::byte* BoardRun::contribution(int rank, const Shard& part) {
  const bool own_blocks = call_.function == Function::kAllGather;  // everybody's input is another part of the whole
  const size_t origin = own_blocks ? static_cast<size_t>(rank) * call_.count : 0;
  const size_t offset = (part.offset - origin) * size_of(call_.type);
  if (rank == plan_.rank) return call_.send + offset;
  const std::byte* payload = board_.look(rank, number_, bytes_);
  return payload == nullptr ? nullptr : payload + offset;
}

}  // namespace coll
