#include "runtime/execution.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/ranges.hpp"
#include "reduce/reduce.hpp"
#include "runtime/board_run.hpp"
#include "runtime/device_work.hpp"

namespace coll {

Execution::Execution(const Surroundings& around, const Call& call, Selection selection, uint64_t sequence, bool agree)
    : around_(around),
      call_(call),
      short_plan_(std::move(selection.short_plan)),
      plan_(std::move(selection.plan)),
      sequence_(sequence) {
  const size_t whole = call.count * size_of(call.type) * static_cast<size_t>(around.nranks);
  streams_ = output_bytes(call, around.nranks) >= kStreamedBytes;
  overwrites_input_ = call.send != nullptr && overlap(call.send, whole, call.recv, whole);
  if (plan_ && plan_->on_board) join_board();
  if (is_transfer(call.function)) {
    if (call.root != around.rank) introduction_.emplace(*around.fabric, call, around.rank, around.checksums);
  } else if (agree && around.nranks > 1) {
    agreement_.emplace(*around.fabric, fingerprint_of(call, sequence, around.rank), around.nranks, agreement_tag());
  }
}

Execution::~Execution() {
  if (!done_) leave_device();
}

Status Execution::advance(bool* moved) {
  if (done_) return {};
  if (agreement_) COLL_TRY(agree(moved));
  if (agreement_) return {};
  if (introduction_) COLL_TRY(introduction_->advance(moved));
  if (introduction_ && !introduction_->settled()) return {};
  if (call_.scale && !scaled_ && plan_) COLL_TRY(scale_input());
  if (board_call_) {
    advance_on_board(moved);
    return {};
  }
  const bool carried = introduction_ && introduction_->carries();
  const size_t chunks = plan_ && !carried ? plan_->chunks : 0;
  while (running_.size() < kChunksInFlight && next_chunk_ < chunks) {
    COLL_TRY(start_chunk());
    *moved = true;
  }
  for (ChunkRun& run : running_) COLL_TRY(advance_chunk(run, moved));
  while (!running_.empty() && finished(running_.front())) {
    running_.pop_front();
    *moved = true;
  }
  done_ = running_.empty() && next_chunk_ == chunks && (!introduction_ || introduction_->over());
  if (done_ && carried && call_.function == Function::kSend) {
    around_.stats->sent_bytes += introduction_->carried_bytes();
    around_.stats->exact_bytes += introduction_->carried_bytes();
  }
  return {};
}

Status Execution::agree(bool* moved) {
  bool agreed = false;
  COLL_TRY(agreement_->advance(moved, &agreed));
  if (!agreed) return {};
  COLL_TRY(agreement_->verdict());
  agreement_.reset();
  return {};
}

void Execution::join_board() {
  Board& board = *around_.fabric->board();
  if (short_plan_) {
    board_call_ = std::make_unique<ShortRun>(call_, *short_plan_, board);
  } else {
    board_call_ = std::make_unique<BoardRun>(call_, *plan_, board);
  }
}

void Execution::advance_on_board(bool* moved) {
  if (!board_call_->advance(moved)) return;
  const size_t bytes = board_call_->posted_bytes();
  around_.stats->sent_bytes += bytes;
  around_.stats->exact_bytes += bytes;
  around_.stats->reduce_s += board_call_->reduce_s();
  done_ = *moved = true;
}

Status Execution::start_chunk() {
  ChunkRun& run = running_.emplace_back();
  run.chunk = next_chunk_++;
  run.slots.resize(static_cast<size_t>(plan_->slots));
  if (work_) run.on_device = work_->chunk(run.chunk);
  return post_receives(run);
}

// All of a chunk's receives are posted before its first step, so that no transport has to hold an unexpected message.
Status Execution::post_receives(ChunkRun& run) {
  for (const Step& step : plan_->steps) {
    for (int round = 0; round < step.rounds; ++round) {
      const int shard = plan_->entry(step.shard, round, 0);
      const Shard part = bundle_part(step, round, run.chunk);
      if (part.count == 0) continue;
      for (int j = 0; j < step.from.count; ++j) {
        const int peer = plan_->entry(step.from, round, j);
        if (peer == around_.rank) continue;
        COLL_TRY(post_receive(run, step, peer, shard, part));
      }
    }
  }
  return {};
}

Status Execution::post_receive(ChunkRun& run, const Step& step, int peer, int shard, const Shard& part) {
  Incoming& in = run.incoming.emplace_back(Incoming{peer, shard, step.from_wire, part, {}, nullptr, {}});
  // Where it is done with when the step is.
  // Kernels do not reach everything that a transport may show.
  in.request.may_view = !work_ && (step.reduce || (step.to.count == 0 && (step.to_output || !step.hold)));
  size_t room = message_bytes(step.from_wire, part.count);
  if (work_) {
    const std::span<std::byte> place = run.on_device.places[run.incoming.size() - 1].memory;
    in.place = place.data();
    room = place.size();
  } else if (received_in_output(step, part, peer)) {
    in.place = output(part);
  } else {
    COLL_TRY(take_block(room, &in.block));
    in.place = in.block.data();
    room = in.block.capacity();
  }
  return around_.fabric->to(peer).receive(peer, tag(run, step.from_leg, shard), {in.place, room}, &in.request);
}

// The loop that does the work: a step runs as soon as its messages are here.
Status Execution::advance_chunk(ChunkRun& run, bool* moved) {
  if (work_) COLL_TRY(settle_device(run, moved));
  while (run.step < plan_->steps.size()) {
    const Step& step = plan_->steps[run.step];
    const Shard part = bundle_part(step, run.round, run.chunk);
    const size_t messages = part.count > 0 ? plan_->messages_of(step, run.round) : 0;
    if (!ready(run, step, messages)) return {};
    if (part.count > 0) {
      COLL_TRY(work_ ? perform_on_device(run) : perform(run, step, part, messages));
    }
    run.taken += messages;
    if (++run.round == step.rounds) {
      run.round = 0;
      ++run.step;
    }
    *moved = true;
  }
  return {};
}

bool Execution::ready(const ChunkRun& run, const Step& step, size_t messages) const {
  const auto first = run.incoming.begin() + static_cast<std::ptrdiff_t>(run.taken);
  const auto last = first + static_cast<std::ptrdiff_t>(messages);
  if (!std::all_of(first, last, [](const Incoming& in) { return in.request.done; })) return false;
  if (!step.to_output || !overwrites_input_) return true;
  if (step.bundles()) return bundle_may_go_out(run, step);
  return may_write(run, plan_->part(plan_->shard_of(step, run.round), run.chunk));
}

// Where the output takes the input's place, what is being sent from there has to be gone first.
bool Execution::may_write(const ChunkRun& run, const Shard& part) const {
  const std::byte* const to = output(part);
  const size_t bytes = part.count * size_of(call_.type);
  return std::all_of(run.outgoing.begin(), run.outgoing.end(), [&](const Outgoing& out) {
    return out.block || out.over() || !overlap(to, bytes, out.message.data(), out.message.size());
  });
}

Status Execution::perform(ChunkRun& run, const Step& step, const Shard& part, size_t messages) {
  for (size_t i = 0; i < messages; ++i) COLL_TRY(verify(run.incoming[run.taken + i], step));
  Value value;
  if (step.bundles()) {
    COLL_TRY(work_on_bundle(run, step, part, messages));
  } else if (!step.reduce && messages == 1) {
    COLL_TRY(pass_on(run, step, part, &value));
  } else {
    COLL_TRY(produce(run, step, part, gather(run, step, part), &value));
  }
  // Receives that have been used give their memory back; a value that is sent on holds its own reference.
  for (size_t i = 0; i < messages; ++i) {
    Incoming& in = run.incoming[run.taken + i];
    if (in.request.view != nullptr) COLL_TRY(around_.fabric->to(in.peer).give_back(&in.request));
    in.block = {};
  }
  return step.bundles() ? Status() : send_all(run, step, part, run.round, value);
}

std::vector<Contribution> Execution::gather(const ChunkRun& run, const Step& step, const Shard& part) const {
  const Contribution own =
      step.local == Local::kSlot
          ? Contribution{Wire::kPartial, run.slots[Plan::slot_of(step, step.local_slot, run.round)].data()}
          : Contribution{Wire::kNative, input(part), step.code_local};
  return contributions_of(*plan_, step, run.round, own, [&run](size_t i) {
    const Incoming& in = run.incoming[run.taken + i];
    return Contribution{in.wire, in.data()};
  });
}

// A message that goes on as it came: to the output, to other peers, or both.
Status Execution::pass_on(const ChunkRun& run, const Step& step, const Shard& part, Value* value) {
  const Incoming& in = run.incoming[run.taken];
  if (step.to_output && in.wire == Wire::kNative) {
    if (in.data() != output(part)) copy_to_output(in.data(), part);
  } else if (step.to_output) {
    Hop hop{call_.type, call_.op, around_.nranks, call_.codec.get(), {}, part.count};
    hop.native = output(part);
    const Contribution only{in.wire, in.data()};
    run_timed(hop, {&only, 1});
  }
  *value = {{in.place, in.request.bytes}, in.block};
  return {};
}

Status Execution::produce(ChunkRun& run, const Step& step, const Shard& part, std::span<const Contribution> from,
                          Value* value) {
  const size_t native_bytes = part.count * size_of(call_.type);
  if (copies_input(step)) {
    if (step.to_output && output(part) != input(part)) copy_to_output(input(part), part);
    return step.to.count > 0 ? send_user_memory(run, step, {input(part), native_bytes}, value) : Status();
  }
  Hop hop = hop_of(step, part);
  if (step.to_output) hop.native = output(part);
  hop.stream = streams_ && !call_.codec;
  const bool sends = step.to.count > 0;
  const size_t bytes = message_bytes(step.to_wire, part.count);
  if (step.keep_slot >= 0 || (sends && step.to_wire == Wire::kPartial)) {
    COLL_TRY(take_outgoing(run, step, message_bytes(Wire::kPartial, part.count), &value->block));
    hop.partial = value->block.data();
  } else if (sends && (step.to_wire == Wire::kCoded || hop.native == nullptr)) {
    COLL_TRY(take_outgoing(run, step, bytes, &value->block));
    (step.to_wire == Wire::kCoded ? hop.coded : hop.native) = value->block.data();
  } else if (sends) {
    if (!lends_user_memory(run, step, {output(part), bytes})) value->block = take_lent(run, step, bytes);
    if (value->block) hop.native = value->block.data();
  }
  hop.stream &= !value->block;  // what is sent is read soon
  run_timed(hop, from);
  if (step.to_output && hop.native != output(part) && !hop.coded) copy_to_output(hop.native, part);
  if (step.keep_slot >= 0) run.slots[Plan::slot_of(step, step.keep_slot, run.round)] = value->block;
  if (!sends) return {};
  if (!value->block) return send_user_memory(run, step, {hop.native, bytes}, value);
  value->message = seal(value->block, bytes);
  return {};
}

// Sends straight from the user's buffer, unless a checksum has to travel behind the bytes, or a copy where all the
// receivers can read it takes the place of a copy to each of them.
Status Execution::send_user_memory(const ChunkRun& run, const Step& step, std::span<const std::byte> memory,
                                   Value* value) {
  value->message = memory;
  const bool would_be_lent = lends_user_memory(run, step, memory);
  const int shard = plan_->entry(step.shard, run.round, 0);
  if (would_be_lent && (!overwrites_input_ || step.reduce || !reduces_into(shard))) return {};
  value->block = take_lent(run, step, memory.size());
  if (!value->block && !would_be_lent && !around_.checksums) return {};
  if (!value->block) COLL_TRY(take_block(memory.size(), &value->block));
  std::memcpy(value->block.data(), memory.data(), memory.size());
  value->message = seal(value->block, memory.size());
  return {};
}

Hop Execution::hop_of(const Step& step, const Shard& part) const {
  Hop hop{call_.type, call_.op, around_.nranks, call_.codec.get(), {}, part.count, step.finish};
  hop.draw = {call_.draw, around_.rank, part.offset};
  return hop;
}

Status Execution::send_all(ChunkRun& run, const Step& step, const Shard& part, int round, const Value& value) {
  const Range range("send", value.message.size());
  const int shard = plan_->entry(step.shard, round, 0);
  for (int j = 0; j < step.to.count; ++j) {
    const int peer = plan_->entry(step.to, round, j);
    if (peer != around_.rank) COLL_TRY(send_to(peer, run, step, part, shard, value));
  }
  return {};
}

Status Execution::send_to(int peer, ChunkRun& run, const Step& step, const Shard& part, int shard, const Value& value) {
  Outgoing& out = run.outgoing.emplace_back(Outgoing{peer, value.block, value.message, {}});
  out.request.to_copy = is_copied(step);
  count_sent(step, part, value.message.size());
  return around_.fabric->to(peer).send(peer, tag(run, step.to_leg, shard), value.message, &out.request);
}

void Execution::count_sent(const Step& step, const Shard& part, size_t bytes) const {
  around_.stats->sent_bytes += bytes;
  around_.stats->exact_bytes +=
      step.to_wire == Wire::kCoded ? part.count * size_of(call_.type) : message_bytes(step.to_wire, part.count);
}

bool Execution::finished(const ChunkRun& run) const {
  return run.step == plan_->steps.size() && run.settled == run.released.size() &&
         std::all_of(run.outgoing.begin(), run.outgoing.end(), [](const Outgoing& out) { return out.over(); });
}

std::vector<int> Execution::awaited_ranks() const {
  std::vector<int> ranks;
  if (introduction_) return {call_.root};
  int awaited = -1;
  if (agreement_) {
    awaited = agreement_->waiting_for();
  } else if (board_call_) {
    awaited = board_call_->awaited_rank();
  }
  if (awaited >= 0) ranks.push_back(awaited);
  for (const ChunkRun& run : running_) {
    for (size_t i = run.taken; i < run.incoming.size(); ++i) {
      if (!run.incoming[i].request.done) ranks.push_back(run.incoming[i].peer);
    }
    for (const Outgoing& out : run.outgoing) {
      if (!out.over()) ranks.push_back(out.peer);
    }
  }
  std::sort(ranks.begin(), ranks.end());
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  return ranks;
}

void Execution::copy_to_output(const std::byte* from, const Shard& part) const {
  reduce::copy_bytes(from, output(part), part.count * size_of(call_.type), streams_);
}

void Execution::run_timed(const Hop& hop, std::span<const Contribution> contributions) {
  const char* const stage = hop.coded != nullptr ? "encode" : contributions.size() == 1 ? "decode" : "reduce";
  const Range range(stage, hop.count * size_of(hop.type));
  const auto begin = std::chrono::steady_clock::now();
  run_hop(hop, contributions);
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
  (hop.coded != nullptr ? around_.stats->encode_s : around_.stats->reduce_s) += spent.count();
}

}  // namespace coll
