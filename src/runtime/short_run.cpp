#include "runtime/short_run.hpp"

#include <algorithm>
#include <cstring>

#include "reduce/reduce.hpp"

namespace coll {

namespace {

class Compiler {
 public:
  Compiler(const Plan& plan, size_t element) : plan_(plan), element_(element) {}

  std::shared_ptr<const ShortPlan> run() {
    short_->nranks = plan_.nranks;
    short_->post_bytes = plan_.pieces_posted() * plan_.posted_piece() * element_;
    if (short_->post_bytes > Board::kShortBytes) return nullptr;
    for (const Step& step : plan_.steps) {
      for (int round = 0; round < step.rounds; ++round) {
        const int shard = plan_.entry(step.shard, round, 0);
        const Shard part = plan_.part(plan_.shards[static_cast<size_t>(shard)], 0);
        if (part.count == 0) continue;
        if (step.sends_own()) post(shard, part);
        read(step, round, shard, part);
      }
    }
    return short_;
  }

 private:
  // Neighbours in the input that are so in the post are one copy.
  void post(int shard, const Shard& part) {
    const ShortPlan::Copy copy{plan_.input_at(part) * element_, plan_.posted_at(shard) * element_,
                               part.count * element_};
    if (!short_->posted.empty()) {
      ShortPlan::Copy& last = short_->posted.back();
      if (last.from + last.bytes == copy.from && last.to + last.bytes == copy.to) {
        last.bytes += copy.bytes;
        return;
      }
    }
    short_->posted.push_back(copy);
  }

  void read(const Step& step, int round, int shard, const Shard& part) {
    const size_t own = plan_.input_at(part) * element_;
    const size_t first = short_->sources.size();
    if (step.from.count == 0 && step.to_output) short_->sources.push_back({ShortPlan::kOwn, own});
    for (int j = 0; j < step.from.count; ++j) {
      const int peer = plan_.entry(step.from, round, j);
      const bool is_own = peer == plan_.rank;
      short_->sources.push_back({is_own ? ShortPlan::kOwn : peer, is_own ? own : plan_.posted_at(shard) * element_});
    }
    const size_t count = short_->sources.size() - first;
    if (count == 0) return;  // it only sends
    short_->reads.push_back({first, count, plan_.output_at(part) * element_, part.count, step.reduce, step.finish});
  }

  const Plan& plan_;
  const size_t element_;
  std::shared_ptr<ShortPlan> short_ = std::make_shared<ShortPlan>();
};

}  // namespace

std::shared_ptr<const ShortPlan> short_plan_of(const Plan& plan, size_t element_bytes) {
  const bool relays = std::any_of(plan.steps.begin(), plan.steps.end(), [](const Step& step) { return step.relays(); });
  if (!plan.on_board || plan.chunks != 1 || relays) return nullptr;
  return Compiler(plan, element_bytes).run();
}

bool ShortRun::advance(bool* moved) {
  if (!begin(post_.number)) return false;
  // In place, the output overwrites what has to be posted first. Who has nothing to post only says that it has read.
  if (!plan_.posted.empty() && !posted_) {
    if (!post()) return false;
    *moved = true;
  }
  if (next_read_ < plan_.reads.size()) {
    const size_t before = next_read_;
    const bool all = read_all();
    *moved |= next_read_ > before;
    if (!all) return false;
  }
  board_.finish(post_.number);
  if (!posted_ && !post()) return false;
  return *moved = true;
}

bool ShortRun::post() {
  if (!board_.may_post(post_)) return false;
  std::byte* const to = board_.payload(post_);
  for (const ShortPlan::Copy& copy : plan_.posted) {
    std::memcpy(to + copy.to, call_.send + copy.from, copy.bytes);
    posted_bytes_ += copy.bytes;
  }
  board_.post(post_);
  return posted_ = true;
}

bool ShortRun::read_all() {
  for (; next_read_ < plan_.reads.size(); ++next_read_) {
    if (!read(plan_.reads[next_read_])) return false;
  }
  return true;
}

// False where a post that it reads is not there yet.
bool ShortRun::read(const ShortPlan::Read& read) {
  const std::byte* inputs[kMostBoardRanks];
  const ShortPlan::Source* const sources = plan_.sources.data() + read.first;
  for (size_t i = 0; i < read.count; ++i) {
    const ShortPlan::Source& source = sources[i];
    const bool is_own = source.rank == ShortPlan::kOwn;
    const std::byte* const data = is_own ? call_.send : board_.look(source.rank, post_);
    if (data == nullptr) {
      awaited_ = source.rank;
      return false;
    }
    inputs[i] = data + source.at;
  }
  awaited_ = -1;
  std::byte* const output = call_.recv + read.to;
  if (read.reduce) {
    const reduce::Reduction reduction{call_.type, call_.op, read.finish, plan_.nranks};
    reduce::reduce_many(reduction, {inputs, read.count}, {&output, 1}, read.elements);
  } else if (output != inputs[0]) {
    std::memcpy(output, inputs[0], read.elements * size_of(call_.type));
  }
  return true;
}

}  // namespace coll
