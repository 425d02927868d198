#include "runtime/device_layout.hpp"

#include "device/late.hpp"
#include "runtime/device_hops.hpp"
#include "runtime/device_lendable.hpp"
#include "runtime/device_routes.hpp"
#include "runtime/step.hpp"

namespace coll {

namespace {

static_assert(kLineGrain % kLateGrain == 0);  // what words hold begins a piece

// Memory that is given out piece by piece; what lies there does not matter to whoever asks how much is needed.
class Pieces {
 public:
  explicit Pieces(std::byte* memory) : memory_(memory) {}
  std::span<std::byte> take(size_t bytes) {
    std::byte* const piece = memory_ + taken_;
    taken_ += padded(bytes);
    return {piece, padded(bytes)};
  }
  size_t taken() const { return taken_; }

 private:
  std::byte* memory_;
  size_t taken_ = 0;
};

// Walks through the steps as an execution does.
class Walk {
 public:
  Walk(const Call& call, const Plan& plan, const DeviceWays& ways, size_t chunk, const DeviceMemory& memory)
      : call_(call),
        plan_(plan),
        routes_(call, plan, ways),
        chunk_(chunk),
        word_(memory.words),
        pinned_(memory.pinned),
        device_(memory.device),
        shared_(memory.shared),
        direct_(memory.direct),
        published_(memory.published),
        lendable_(call, plan, chunk) {}

  DeviceChunk lay_out() {
    slots_.resize(static_cast<size_t>(plan_.slots));
    each_part(plan_, chunk_, [this](const auto&... one) { place_messages(one...); });
    each_part(plan_, chunk_, [this](const auto&... one) { add_step(one...); });
    if (orders_ > 0) ++orders_;  // the last step's end
    return std::move(made_);
  }
  DeviceRoom taken() const {
    return {pinned_.taken(), device_.taken(), shared_.taken(), direct_.taken(), 1, orders_, words_};
  }

 private:
  void place_messages(const Step& step, int round, const Shard& part) {
    const size_t bytes = wire_bytes(call_, step.from_wire, part.count) + kChecksumBytes;
    for (int j = 0; j < step.from.count; ++j) {
      const int peer = plan_.entry(step.from, round, j);
      if (peer == plan_.rank) continue;
      const bool direct = routes_.comes_direct(step, round, peer);
      Pieces& pieces = direct ? direct_ : pinned_;
      made_.places.push_back(
          {pieces.take(bytes), routes_.may_be_loan(step, part, peer) ? take_word() : nullptr, direct});
    }
  }

  void add_step(const Step& step, int round, const Shard& part) {
    DeviceStep& made = made_.steps.emplace_back(DeviceStep{&step, part, round, taken_, plan_.messages_of(step, round)});
    if (!step.reduce && made.messages == 1) {
      pass_on(&made);
    } else if (copies_input(step) || sends_input(step)) {
      copy_input(&made);
    } else {
      produce(&made);
    }
    taken_ += made.messages;
    if (made.has_work()) orders_ += 1 + (made.copy ? 1 : 0) + (made.again ? 1 : 0);  // and the hop's kernels
  }

  // What it sends are accumulators, which the input is already.
  bool sends_input(const Step& step) const {
    return !step.reduce && step.local == Local::kInput && step.to_wire == Wire::kPartial && step.keep_slot < 0 &&
           !step.to_output && call_.type == accumulator_of(call_.type);
  }

  void pass_on(DeviceStep* made) {
    const Step& step = *made->step;
    const size_t bytes = wire_bytes(call_, step.from_wire, made->part.count);
    const std::byte* const message = message_at(taken_);
    if (step.to.count > 0) made->sent = made_.places[taken_].memory.first(bytes);
    if (!step.to_output) return;
    std::byte* const copy = step.to.count > 0 ? send_on(made, bytes) : nullptr;
    if (step.from_wire == Wire::kNative) {
      made->copy = {output(made->part), message, bytes, copy};
      return;
    }
    if (copy != nullptr) made->copy = {copy, message, bytes};
    Hop hop = blank_hop(made->part.count, false);
    hop.native = output(made->part);
    set_hop(made, hop, {{step.from_wire, copy != nullptr ? read_sent(made, message) : message}});
  }

  // Where what has come is copied to, too: a loan has to go somewhere if it cannot be lent, and so has what transports
  // have put where the host must not touch it. NULL: it is there.
  std::byte* send_on(DeviceStep* made, size_t bytes) {
    const bool goes_direct = routes_.goes_direct(*made->step, made->round);
    const DeviceChunk::Place& place = made_.places[taken_];
    if (goes_direct && place.direct) return nullptr;
    if (goes_direct || place.direct) {
      made->sent = (goes_direct ? direct_ : pinned_).take(bytes + kChecksumBytes).first(bytes);
    }
    if (goes_direct) return made->sent.data();
    const bool is_elements = made->step->from_wire == Wire::kNative;
    std::byte* const lent =
        offer(made, bytes, bytes, is_elements ? lendable_.output(made->part) : LendableParts::Place());
    if (lent != nullptr) return lent;
    if (place.direct) return made->sent.data();
    if (place.told == nullptr) return nullptr;
    made->told = take_word();
    return static_cast<std::byte*>(late(made->told));
  }

  // Of a message and its copy, that which lies on the device: pinned memory is far to read twice.
  const std::byte* read_sent(DeviceStep* made, const std::byte* message) {
    if (made_.places[taken_].direct) return message;
    if (made->told == nullptr) return made->sent.data();
    made->read = take_word();
    return static_cast<std::byte*>(late(made->read));
  }

  void copy_input(DeviceStep* made) {
    const std::byte* const from = input(made->part);
    const size_t bytes = native_bytes(made->part);
    std::byte* sent = nullptr;
    if (made->step->to.count > 0) sent = take_sent(made, bytes, lendable_.input(*made->step, made->round, made->part));
    if (made->step->to_output && output(made->part) != from) {
      made->copy = {output(made->part), from, bytes, sent};
    } else if (sent != nullptr) {
      made->copy = {sent, from, bytes};
    }
  }

  void produce(DeviceStep* made) {
    const Step& step = *made->step;
    const size_t count = made->part.count;
    const bool sends = step.to.count > 0;
    Hop hop = blank_hop(count, step.finish);
    hop.draw = {call_.draw, plan_.rank, made->part.offset};
    if (step.to_output) hop.native = output(made->part);
    const bool sends_output = sends && hop.native != nullptr && step.keep_slot < 0 && step.to_wire == Wire::kNative;
    std::byte* const value = take_value(made, sends_output ? lendable_.output(made->part) : LendableParts::Place());
    if (step.keep_slot >= 0 || (sends && step.to_wire == Wire::kPartial)) {
      hop.partial = value;
    } else if (sends && step.to_wire == Wire::kCoded) {
      hop.coded = value;
    } else if (sends && hop.native == nullptr) {
      hop.native = value;
    }
    set_hop(made, hop, gather(*made));
    if (step.keep_slot >= 0) slots_[Plan::slot_of(step, step.keep_slot, made->round)] = value;
    if (sends_output) made->also = value;
  }

  // NULL where the value goes nowhere but to the output.
  std::byte* take_value(DeviceStep* made, const LendableParts::Place& lies) {
    const Step& step = *made->step;
    const bool partial = step.keep_slot >= 0 || step.to_wire == Wire::kPartial;
    const size_t bytes = wire_bytes(call_, partial ? Wire::kPartial : step.to_wire, made->part.count);
    if (step.to.count > 0) return take_sent(made, bytes, lies);
    return step.keep_slot >= 0 ? device_.take(bytes).data() : nullptr;
  }

  // Where what is handed on is made; it may also be lent where it lies anyway.
  std::byte* take_sent(DeviceStep* made, size_t room, const LendableParts::Place& lies) {
    const size_t bytes = wire_bytes(call_, made->step->to_wire, made->part.count);
    Pieces& pieces = routes_.goes_direct(*made->step, made->round) ? direct_ : pinned_;
    made->sent = pieces.take(room + kChecksumBytes).first(bytes);
    std::byte* const lent = offer(made, room, bytes, lies);
    return lent != nullptr ? lent : made->sent.data();
  }

  // The same, of a message of `bytes` that may be lent; NULL where it cannot be.
  std::byte* offer(DeviceStep* made, size_t room, size_t bytes, const LendableParts::Place& lies) {
    const bool lends = lies.at != nullptr || call_.on_device.lends;
    if (!lends || !routes_.may_be_lent(*made->step, made->round, made->part)) return nullptr;
    made->lies_there = lies.at != nullptr;
    if (made->lies_there) {
      made->lent = {lies.at, bytes};
      made->lent_from = lies.memory;
    } else {
      made->lent = shared_.take(room).first(bytes);
      made->lent_from = published_;
    }
    made->told = take_word();
    if (routes_.goes_beyond_peers(*made->step, made->round)) {
      made->told_again = take_word();
      made->again = {late(made->told_again), made->lent.data(), bytes};
    }
    return static_cast<std::byte*>(late(made->told));
  }

  uint64_t* take_word() {
    ++words_;
    return word_++;
  }

  const std::byte* message_at(size_t i) const {
    const DeviceChunk::Place& place = made_.places[i];
    return place.told != nullptr ? static_cast<std::byte*>(late(place.told)) : place.memory.data();
  }

  std::vector<Contribution> gather(const DeviceStep& made) const {
    const Step& step = *made.step;
    const Contribution own =
        step.local == Local::kSlot
            ? Contribution{Wire::kPartial, slots_[Plan::slot_of(step, step.local_slot, made.round)]}
            : Contribution{Wire::kNative, input(made.part), step.code_local};
    return contributions_of(plan_, step, made.round, own, [&](size_t i) {
      return Contribution{step.from_wire, message_at(taken_ + i)};
    });
  }

  Hop blank_hop(size_t count, bool finish) const {
    return {call_.type, call_.op, plan_.nranks, call_.codec.get(), {}, count, finish};
  }
  void set_hop(DeviceStep* made, const Hop& hop, std::vector<Contribution> contributions) {
    const DeviceHopCost cost = device_hop_cost(hop, contributions);
    made->hop = hop;
    made->contributions = std::move(contributions);
    if (cost.scratch_bytes > 0) made->scratch = device_.take(cost.scratch_bytes).data();
    orders_ += cost.kernels;
  }

  size_t native_bytes(const Shard& part) const { return part.count * size_of(call_.type); }
  const std::byte* input(const Shard& part) const { return input_of(call_, plan_, part); }
  std::byte* output(const Shard& part) const { return output_of(call_, plan_, part); }

  const Call& call_;
  const Plan& plan_;
  const DeviceRoutes routes_;
  const size_t chunk_;
  uint64_t* word_;  // the next that is free
  size_t words_ = 0;
  Pieces pinned_, device_, shared_, direct_;
  const Published published_;  // where shared_ is
  const LendableParts lendable_;
  DeviceChunk made_;
  size_t taken_ = 0;   // messages, by the steps before
  size_t orders_ = 0;  // that a stream is given for the chunk
  std::vector<std::byte*> slots_;
};

}  // namespace

DeviceLayout::DeviceLayout(const Call& call, std::shared_ptr<const Plan> plan, const DeviceWays& ways)
    : call_(call), plan_(std::move(plan)), ways_(ways), room_(find_room()) {
  if (room_.words <= DeviceGate::kAddresses) return;
  ways_.peers = nullptr;
  room_ = find_room();
}

DeviceChunk DeviceLayout::chunk(size_t chunk, const DeviceMemory& memory) const {
  return Walk(call_, *plan_, ways_, chunk, memory).lay_out();
}

uint8_t DeviceLayout::legs_of_loans() const {
  if (ways_.peers == nullptr) return 0;
  unsigned legs = (1u << kMaxLegs) - 1;
  for (const Step& step : plan_->steps) {
    if (step.forwards()) legs &= ~(1u << step.from_leg);
  }
  return static_cast<uint8_t>(legs);
}

DeviceRoom DeviceLayout::find_room() const {
  const uintptr_t somewhere = uintptr_t{1} << 20;
  auto* const memory = reinterpret_cast<std::byte*>(somewhere);
  Walk walk(call_, *plan_, ways_, 0, {reinterpret_cast<uint64_t*>(somewhere), memory, memory, memory, memory});
  static_cast<void>(walk.lay_out());
  return walk.taken();
}

}  // namespace coll
