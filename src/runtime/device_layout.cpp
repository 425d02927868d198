#include "runtime/device_layout.hpp"

#include "runtime/device_hops.hpp"
#include "runtime/step.hpp"

namespace coll {

namespace {

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
  Walk(const Call& call, const Plan& plan, size_t chunk, std::byte* pinned, std::byte* device)
      : call_(call), plan_(plan), chunk_(chunk), pinned_(pinned), device_(device) {}

  DeviceChunk lay_out() {
    slots_.resize(static_cast<size_t>(plan_.slots));
    each_part([this](const Step& step, int round, const Shard& part) { place_messages(step, round, part); });
    each_part([this](const Step& step, int round, const Shard& part) { add_step(step, round, part); });
    return std::move(made_);
  }
  DeviceRoom taken() const { return {pinned_.taken(), device_.taken(), 1, orders_}; }

 private:
  template <class F>
  void each_part(const F& f) const {
    for (const Step& step : plan_.steps) {
      for (int round = 0; round < step.rounds; ++round) {
        const Shard part = plan_.part(plan_.shard_of(step, round), chunk_);
        if (part.count > 0) f(step, round, part);
      }
    }
  }

  void place_messages(const Step& step, int round, const Shard& part) {
    const size_t bytes = wire_bytes(call_, step.from_wire, part.count) + kChecksumBytes;
    for (size_t left = plan_.messages_of(step, round); left > 0; --left) made_.places.push_back(pinned_.take(bytes));
  }

  void add_step(const Step& step, int round, const Shard& part) {
    DeviceStep& made = made_.steps.emplace_back(DeviceStep{&step, part, round, plan_.messages_of(step, round)});
    if (!step.reduce && made.messages == 1) {
      pass_on(&made);
    } else if (copies_input(step)) {
      copy_input(&made);
    } else {
      produce(&made);
    }
    taken_ += made.messages;
    if (made.has_work()) orders_ += 1 + made.copies.size();  // and the hop's kernels
  }

  void pass_on(DeviceStep* made) {
    const Step& step = *made->step;
    std::byte* const message = made_.places[taken_].data();
    made->sent = {message, wire_bytes(call_, step.from_wire, made->part.count)};
    if (!step.to_output) return;
    if (step.from_wire == Wire::kNative) {
      made->copies.push_back({output(made->part), message, made->sent.size()});
      return;
    }
    Hop hop = blank_hop(made->part.count, false);
    hop.native = output(made->part);
    set_hop(made, hop, {{step.from_wire, message}});
  }

  void copy_input(DeviceStep* made) {
    const std::byte* const from = input(made->part);
    const size_t bytes = native_bytes(made->part);
    if (made->step->to_output && output(made->part) != from) made->copies.push_back({output(made->part), from, bytes});
    if (made->step->to.count == 0) return;
    made->sent = pinned_.take(bytes + kChecksumBytes).first(bytes);
    made->copies.push_back({made->sent.data(), from, bytes});
  }

  void produce(DeviceStep* made) {
    const Step& step = *made->step;
    const size_t count = made->part.count;
    const bool sends = step.to.count > 0;
    Hop hop = blank_hop(count, step.finish);
    hop.draw = {call_.draw, plan_.rank, made->part.offset};
    if (step.to_output) hop.native = output(made->part);
    const std::span<std::byte> value = take_value(step, count);
    if (sends) made->sent = value.first(wire_bytes(call_, step.to_wire, count));
    if (step.keep_slot >= 0 || (sends && step.to_wire == Wire::kPartial)) {
      hop.partial = value.data();
    } else if (sends && step.to_wire == Wire::kCoded) {
      hop.coded = value.data();
    } else if (sends && hop.native == nullptr) {
      hop.native = value.data();
    }
    set_hop(made, hop, gather(*made));
    if (step.keep_slot >= 0) slots_[Plan::slot_of(step, step.keep_slot, made->round)] = value.data();
    const bool copied = sends && hop.coded == nullptr && hop.partial == nullptr && hop.native != value.data();
    if (copied) made->copies.push_back({value.data(), hop.native, native_bytes(made->part)});
  }

  // Empty where the value goes nowhere but to the output.
  std::span<std::byte> take_value(const Step& step, size_t count) {
    const bool sends = step.to.count > 0;
    if (!sends && step.keep_slot < 0) return {};
    const bool partial = step.keep_slot >= 0 || step.to_wire == Wire::kPartial;
    const size_t bytes = wire_bytes(call_, partial ? Wire::kPartial : step.to_wire, count) + kChecksumBytes;
    return sends ? pinned_.take(bytes) : device_.take(bytes);
  }

  std::vector<Contribution> gather(const DeviceStep& made) const {
    const Step& step = *made.step;
    const Contribution own =
        step.local == Local::kSlot
            ? Contribution{Wire::kPartial, slots_[Plan::slot_of(step, step.local_slot, made.round)]}
            : Contribution{Wire::kNative, input(made.part), step.code_local};
    return contributions_of(plan_, step, made.round, own, [&](size_t i) {
      return Contribution{step.from_wire, made_.places[taken_ + i].data()};
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
  const size_t chunk_;
  Pieces pinned_, device_;
  DeviceChunk made_;
  size_t taken_ = 0;   // messages, by the steps before
  size_t orders_ = 0;  // that a stream is given for the chunk
  std::vector<std::byte*> slots_;
};

}  // namespace

DeviceChunk DeviceLayout::chunk(size_t chunk, std::byte* pinned, std::byte* device) const {
  return Walk(call_, *plan_, chunk, pinned, device).lay_out();
}

DeviceRoom DeviceLayout::room() const {
  std::byte* const somewhere = reinterpret_cast<std::byte*>(uintptr_t{1} << 20);
  Walk walk(call_, *plan_, 0, somewhere, somewhere);
  static_cast<void>(walk.lay_out());
  return walk.taken();
}

}  // namespace coll
