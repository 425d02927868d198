#include "runtime/board_run.hpp"

#include <algorithm>
#include <chrono>

#include "reduce/reduce.hpp"
#include "runtime/hop.hpp"

namespace coll {

namespace {

constexpr size_t kTimedBytes = 4096;  // what is shorter takes hardly longer than two looks at the clock

}  // namespace

BoardRun::BoardRun(const Call& call, const Plan& plan, Board& board)
    : BoardCall(board),
      call_(call),
      plan_(plan),
      element_(size_of(call.type)),
      pieces_of_input_(plan.pieces_posted()),
      streams_(output_bytes(call, plan.nranks) >= kStreamedBytes),
      piece_bytes_(plan.posted_piece() * element_) {
  reads_.end = plan.steps.size();
  for (size_t step = 0; step < plan.steps.size() && !relays_; ++step) {
    posts_data_ |= plan.steps[step].sends_own();
    if (!plan.steps[step].relays()) continue;
    relays_ = true;
    reads_.end = step + 1;
  }
  gathers_ = {reads_.end, plan.steps.size(), 0, reads_.end};
  posts_of_call_ = (relays_ ? 2 : 1) * plan.chunks;
  first_number_ = board.reserve(posts_of_call_);
}

// Inputs are posted some chunks ahead of the results; with 2, I0 I1 I2 R0 I3 R1 ... R(last).
uint64_t BoardRun::number_of(Leg leg, size_t chunk) const {
  if (!relays_) return first_number_ + chunk;
  const size_t ahead = plan_.posts_ahead;
  if (leg == Leg::kInputs) return first_number_ + (chunk < ahead ? chunk : ahead + 2 * (chunk - ahead));
  return first_number_ + (chunk + ahead < plan_.chunks ? ahead + 2 * chunk + 1 : plan_.chunks + chunk);
}

Board::Post BoardRun::post_of(Leg leg, size_t chunk) const {
  const size_t pieces = leg == Leg::kInputs ? pieces_of_input_ : 1;
  const bool is_last = chunk + 1 == plan_.chunks && (leg == Leg::kResults || !relays_);
  return {number_of(leg, chunk), pieces * piece_bytes_, is_last};
}

void BoardRun::post(const Board::Post& post) {
  board_.post(post);
  ++posts_;
}

// Where a shard's piece lies in a post.
size_t BoardRun::place_of(Leg leg, int shard) const {
  return leg == Leg::kResults ? 0 : plan_.posted_at(shard) * element_;
}

bool BoardRun::advance(bool* moved) {
  if (!begin(first_number_)) return false;
  while (true) {
    bool here = post_input();
    here |= post_result();
    here |= read(reads_, Leg::kInputs);
    if (relays_) here |= read(gathers_, Leg::kResults);
    *moved |= here;
    if (posts_ == posts_of_call_ && (relays_ ? gathers_ : reads_).chunk == plan_.chunks) return true;
    if (!here) return false;
  }
}

bool BoardRun::post_input() {
  if (inputs_posted_ == plan_.chunks) return false;
  // Who has nothing to post only says that it has read.
  if (!posts_data_ && inputs_posted_ == reads_.chunk) return false;
  const Board::Post next = post_of(Leg::kInputs, inputs_posted_);
  if (!is_next(next) || !board_.may_post(next)) return false;
  if (posts_data_) {
    board_.stores().timed(next.bytes, [&] { copy_input(board_.payload(next), inputs_posted_); });
  }
  post(next);
  ++inputs_posted_;
  return true;
}

// What the last chunk that was read has become. The board may want that more is read first, of results.
bool BoardRun::post_result() {
  if (!relays_ || results_posted_ == reads_.chunk) return false;
  const Board::Post next = post_of(Leg::kResults, results_posted_);
  if (!is_next(next) || !board_.may_post(next)) return false;
  post(next);
  ++results_posted_;
  return true;
}

void BoardRun::copy_input(std::byte* to, size_t chunk) {
  const bool past_caches = board_.stores().past_caches();
  for (size_t i = reads_.begin; i < reads_.end; ++i) {
    const Step& step = plan_.steps[i];
    for (int round = 0; step.sends_own() && round < step.rounds; ++round) {
      const int shard = plan_.entry(step.shard, round, 0);
      const Shard part = plan_.part(plan_.shards[static_cast<size_t>(shard)], chunk);
      if (part.count == 0) continue;
      const std::byte* const from = call_.send + plan_.input_at(part) * element_;
      reduce::copy_bytes(from, to + place_of(Leg::kInputs, shard), part.count * element_, past_caches);
      posted_bytes_ += part.count * element_;
    }
  }
}

// One chunk of a pass, as far as the posts are there. True where it is through.
bool BoardRun::read(Pass& pass, Leg leg) {
  if (pass.chunk == plan_.chunks) return false;
  // In place, what this chunk's output overwrites has to be posted first.
  if (leg == Leg::kInputs ? posts_data_ && inputs_posted_ <= pass.chunk : reads_.chunk <= pass.chunk) return false;
  // Its result is written where it is posted, one at a time.
  if (relays_ && leg == Leg::kInputs) {
    const Board::Post result = post_of(Leg::kResults, pass.chunk);
    if (results_posted_ != pass.chunk || !is_next(result) || !board_.may_write(result)) return false;
  }
  for (; pass.step < pass.end; ++pass.step, pass.round = 0) {
    for (; pass.round < plan_.steps[pass.step].rounds; ++pass.round) {
      if (!perform(pass, leg)) return false;
    }
  }
  pass.step = pass.begin;
  ++pass.chunk;
  finish_reads();
  return true;
}

// Tells the board up to which post everything is read.
void BoardRun::finish_reads() {
  const bool all_inputs = reads_.chunk == plan_.chunks;
  if (!relays_) return board_.finish(number_of(Leg::kInputs, reads_.chunk) - 1);
  if (gathers_.chunk == plan_.chunks) return board_.finish(number_of(Leg::kResults, plan_.chunks - 1));
  const uint64_t next_result = number_of(Leg::kResults, gathers_.chunk);
  board_.finish((all_inputs ? next_result : std::min(next_result, number_of(Leg::kInputs, reads_.chunk))) - 1);
}

// False where a post that the step reads is not there yet.
bool BoardRun::perform(const Pass& pass, Leg leg) {
  const Step& step = plan_.steps[pass.step];
  const int shard = plan_.entry(step.shard, pass.round, 0);
  const Shard part = plan_.part(plan_.shards[static_cast<size_t>(shard)], pass.chunk);
  const bool keeps_own = step.to_output && step.from.count == 0;
  if (part.count == 0 || (step.from.count == 0 && !keeps_own)) return true;  // what is sent has been posted
  const std::byte* inputs[kMostBoardRanks];
  size_t some = 0;
  if (keeps_own) inputs[some++] = contribution(leg, plan_.rank, shard, part, pass.chunk);
  for (int j = 0; j < step.from.count; ++j) {
    const int peer = plan_.entry(step.from, pass.round, j);
    inputs[some] = contribution(leg, peer, shard, part, pass.chunk);
    if (inputs[some++] == nullptr) {
      awaited_ = peer;
      return false;
    }
  }
  awaited_ = -1;
  if (!step.reduce || part.count * element_ < kTimedBytes) {
    produce(step, part, {inputs, some}, pass.chunk);
    return true;
  }
  const auto begun = std::chrono::steady_clock::now();
  produce(step, part, {inputs, some}, pass.chunk);
  reduce_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  return true;
}

void BoardRun::produce(const Step& step, const Shard& part, std::span<const std::byte* const> inputs, size_t chunk) {
  const size_t bytes = part.count * element_;
  std::byte* const output = call_.recv + plan_.output_at(part) * element_;
  std::byte* posted = nullptr;
  if (step.relays()) posted = board_.payload(post_of(Leg::kResults, chunk));
  if (posted != nullptr) posted_bytes_ += bytes;
  const bool posts_past = posted != nullptr && board_.stores().past_caches();
  reduce::Reduction reduction{call_.type, call_.op, step.finish, plan_.nranks};
  if (!step.reduce) {
    if (output != inputs[0]) reduce::copy_bytes(inputs[0], output, bytes, streams_);
  } else if (posted == nullptr || posts_past == streams_) {
    std::byte* const outputs[] = {output, posted};
    reduction.stream = streams_;
    reduce::reduce_many(reduction, inputs, {outputs, posted != nullptr ? size_t{2} : size_t{1}}, part.count);
  } else {  // first to where it stays in the caches
    std::byte* const first = streams_ ? posted : output;
    reduce::reduce_many(reduction, inputs, {&first, 1}, part.count);
    reduce::copy_bytes(first, streams_ ? output : posted, bytes, true);
  }
}

// Where `rank`'s elements of the part lie: in the own input, or on the board. NULL where they are not there yet.
const std::byte* BoardRun::contribution(Leg leg, int rank, int shard, const Shard& part, size_t chunk) {
  if (rank == plan_.rank) return call_.send + plan_.input_at(part) * element_;
  const std::byte* const posted = board_.look(rank, post_of(leg, chunk));
  return posted == nullptr ? nullptr : posted + place_of(leg, shard);
}

}  // namespace coll
