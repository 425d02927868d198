#include "runtime/device_hops.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "device/hop_kernel.hpp"

namespace coll {

namespace {

constexpr size_t kScratchAlignment = 256;  // of each part: what whole words need, and no two share a cache line

using Runner = std::function<Status(const DeviceHop&)>;

// What contributions, values in between and outputs are. Native is what is not an accumulator already.
struct Operand {
  Wire wire;
  const void* data;
};

class Stages {
 public:
  Stages(const Hop& hop, std::byte* scratch, const Runner& run)
      : hop_(hop),
        run_(run),
        accumulator_(accumulator_of(hop.type)),
        result_draw_(hop.draw),
        divisor_(hop.finish && hop.op == collAvg ? hop.nranks : 0),
        scratch_(scratch) {}

  Status run(std::span<const Contribution> contributions) {
    for (const Contribution& c : contributions) COLL_TRY(add(c));
    if (hop_.partial != nullptr) COLL_TRY(make_partial());
    if (hop_.coded != nullptr) COLL_TRY(make_coded());
    return hop_.native != nullptr ? reduce_to(Wire::kNative, hop_.native) : Status();
  }
  size_t scratch_bytes() const { return scratch_used_; }

 private:
  // The first `taken` operands that are left: messages of one kind and, unless NULL, one operand of another, which the
  // kernel takes as its own elements.
  struct Stage {
    size_t taken = 0;
    const Operand* own = nullptr;
    Wire messages = Wire::kNative;
  };

  Wire wire_of(Wire wire) const { return wire == Wire::kNative && hop_.type == accumulator_ ? Wire::kPartial : wire; }
  DataType type_of(Wire wire) const { return wire == Wire::kNative ? hop_.type : accumulator_; }

  Status add(const Contribution& c) {
    const Operand operand{wire_of(c.wire), c.data};
    if (c.recode || c.wire == Wire::kCoded) result_draw_.rank = Draw::kResult;
    if (!c.recode) {
      left_.push_back(operand);
      return {};
    }
    void* const message = take_scratch(hop_.codec->max_bytes(hop_.count));
    left_.push_back({Wire::kCoded, message});
    return encode(operand, hop_.draw, message);
  }

  // What is read again is made in scratch, and copied from there to where it is wanted.
  Status make_partial() {
    const bool read_again = hop_.coded != nullptr || hop_.native != nullptr;
    COLL_TRY(reduce_to(Wire::kPartial, read_again ? value() : hop_.partial));
    return read_again ? copy(value(), hop_.partial, hop_.count * size_of(accumulator_)) : Status();
  }

  Status make_coded() {
    const size_t bytes = hop_.codec->max_bytes(hop_.count);
    const bool read_again = hop_.native != nullptr;
    void* const message = read_again ? take_scratch(bytes) : hop_.coded;
    COLL_TRY(reduce_to(Wire::kCoded, message));
    return read_again ? copy(message, hop_.coded, bytes) : Status();
  }

  // Makes all that is left one operand, at `to`.
  Status reduce_to(Wire goal, void* to) {
    for (;;) {
      if (goal == Wire::kCoded && left_.size() == 1 && left_[0].wire != Wire::kCoded && divisor_ == 0) {
        COLL_TRY(encode(left_[0], result_draw_, to));
        left_[0] = {Wire::kCoded, to};
        return {};
      }
      const Stage stage = longest_stage(goal);
      const bool all = stage.taken == left_.size();
      if (all && makes(stage, goal)) return combine(stage, goal, to);
      COLL_TRY(combine(stage, Wire::kPartial, value()));
    }
  }

  // Of two operands that are combined first the order does not matter: either may be the kernel's own elements.
  Stage longest_stage(Wire goal) const {
    Stage longest;
    const size_t owns = left_.size() > 1 && left_[0].wire != left_[1].wire ? 2 : 0;
    for (size_t i = 0; i <= owns; ++i) {
      const Stage stage = stage_of(i == 0 ? nullptr : &left_[i - 1]);
      const bool all = stage.taken == left_.size();
      const bool possible = makes(stage, Wire::kPartial) || (all && makes(stage, goal));
      if (possible && stage.taken > longest.taken) longest = stage;
    }
    return longest;
  }

  Stage stage_of(const Operand* own) const {
    const size_t first = own == &left_[0] ? 1 : 0;
    Stage stage{0, own, left_[first].wire};
    const size_t most = static_cast<size_t>(device::kMostMessages) + (own != nullptr ? 1 : 0);
    while (stage.taken < std::min(most, left_.size())) {
      const Operand& next = left_[stage.taken];
      if (&next != own && next.wire != stage.messages) break;
      ++stage.taken;
    }
    return stage;
  }

  // Whether there is such a kernel: its own elements are of the result's type, or of that which is encoded.
  bool makes(const Stage& stage, Wire result) const {
    if (result == Wire::kCoded && stage.messages != Wire::kCoded) return false;
    return stage.own == nullptr || stage.own->wire == elements_of(result);
  }
  Wire elements_of(Wire result) const { return result == Wire::kCoded ? Wire::kPartial : wire_of(result); }

  Status combine(const Stage& stage, Wire result, void* to) {
    DeviceHop kernel = kernel_of(stage, result);
    std::vector<const void*> messages;
    for (size_t i = 0; i < stage.taken; ++i) {
      if (&left_[i] != stage.own) messages.push_back(left_[i].data);
    }
    kernel.own = stage.own != nullptr ? stage.own->data : nullptr;
    kernel.messages = messages;
    (result == Wire::kCoded ? kernel.coded : kernel.native) = to;
    if (stage.taken == left_.size()) kernel.divisor = std::exchange(divisor_, 0);
    // What is copied keeps any NaN; a quotient has the one that results have.
    const bool copied = stage.taken == 1 && stage.messages == elements_of(result);
    if (copied && result == Wire::kNative && info(hop_.type).is_float) kernel.divisor = std::max(kernel.divisor, 1);
    left_.erase(left_.begin(), left_.begin() + static_cast<std::ptrdiff_t>(stage.taken));
    left_.insert(left_.begin(), {wire_of(result), to});
    return run_(kernel);
  }

  DeviceHop kernel_of(const Stage& stage, Wire result) const {
    DeviceHop kernel{"none", 1, type_of(elements_of(result)), hop_.op, hop_.count};
    if (stage.messages == Wire::kCoded) {
      set_codec(&kernel);
      if (result == Wire::kCoded) set_draws(result_draw_, &kernel);
    } else if (stage.messages != elements_of(result)) {
      kernel.message_type = type_of(stage.messages);
    }
    return kernel;
  }

  Status encode(const Operand& from, const Draw& draw, void* message) {
    DeviceHop kernel{"none", 1, type_of(from.wire), hop_.op, hop_.count};
    set_codec(&kernel);
    set_draws(draw, &kernel);
    kernel.own = from.data;
    kernel.coded = message;
    return run_(kernel);
  }
  void set_codec(DeviceHop* kernel) const {
    kernel->codec = hop_.codec->traits().name;
    kernel->block = hop_.codec->traits().block;
  }
  void set_draws(const Draw& draw, DeviceHop* kernel) const {
    const Rounding& rounding = hop_.codec->traits().rounding;
    kernel->random = rounding.random;
    kernel->draws = draws_of(rounding, draw, 0);
  }

  Status copy(const void* from, void* to, size_t bytes) {
    DeviceHop kernel{"none", 1, collUint8, collSum, bytes};
    kernel.own = from;
    kernel.native = to;
    return run_(kernel);
  }

  // The accumulators of a value that is not finished.
  void* value() {
    if (value_ == nullptr) value_ = take_scratch(hop_.count * size_of(accumulator_));
    return value_;
  }
  void* take_scratch(size_t bytes) {
    static std::byte nowhere;
    void* const taken = scratch_ != nullptr ? scratch_ + scratch_used_ : &nowhere;
    scratch_used_ += (bytes + kScratchAlignment - 1) / kScratchAlignment * kScratchAlignment;
    return taken;
  }

  const Hop& hop_;
  const Runner& run_;
  const DataType accumulator_;
  Draw result_draw_;           // of the value: contributions that were encoded before have had their rank's
  int divisor_;                // until it has been divided
  std::vector<Operand> left_;  // in the order of reduction; the first may be what others have come to
  std::byte* const scratch_;
  size_t scratch_used_ = 0;
  void* value_ = nullptr;
};

}  // namespace

DeviceHopCost device_hop_cost(const Hop& hop, std::span<const Contribution> contributions) {
  DeviceHopCost cost;
  if (hop.count == 0) return cost;
  const Runner count = [&cost](const DeviceHop&) {
    ++cost.kernels;
    return Status();
  };
  Stages stages(hop, nullptr, count);
  static_cast<void>(stages.run(contributions));
  cost.scratch_bytes = stages.scratch_bytes();
  return cost;
}

Status run_hop_on_device(const Hop& hop, std::span<const Contribution> contributions, std::byte* scratch,
                         const std::function<Status(const DeviceHop&)>& run) {
  return hop.count == 0 ? Status() : Stages(hop, scratch, run).run(contributions);
}

}  // namespace coll
