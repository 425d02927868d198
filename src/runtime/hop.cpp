#include "runtime/hop.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "reduce/reduce.hpp"

namespace coll {

namespace {

constexpr size_t kTileBytes = 16384;    // of accumulators: half of a 32 KiB L1 cache
constexpr size_t kMostElements = 4096;  // of a tile: the largest block of any codec
constexpr size_t kMostAtOnce = 64;      // contributions that one call combines

// One tile's working memory; accumulators are float32, float64 or integers.
struct Scratch {
  alignas(64) std::byte accumulators[kMostElements * sizeof(double)];
  alignas(64) std::byte incoming[kMostElements * sizeof(double)];
  alignas(64) float floats[kMostElements];  // what codecs read and write where accumulators are float64
  alignas(64) std::byte native[kMostElements * sizeof(uint16_t)];  // small floats before they are streamed
};

// Values may lie in the user's buffers, at any address: doubles go through memcpy.
void widen(const float* floats, std::byte* doubles, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const double x = floats[i];
    std::memcpy(doubles + i * sizeof x, &x, sizeof x);
  }
}

void narrow(const std::byte* doubles, float* floats, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    double x;
    std::memcpy(&x, doubles + i * sizeof x, sizeof x);
    floats[i] = static_cast<float>(x);
  }
}

class TileLoop {
 public:
  TileLoop(const Hop& hop, std::span<const Contribution> contributions)
      : hop_(hop),
        contributions_(contributions),
        accumulator_(accumulator_of(hop.type)),
        native_size_(size_of(hop.type)),
        size_(size_of(accumulator_)),
        direct_(made_in_place()),
        result_draw_(hop.draw) {
    const auto coded = [](const Contribution& c) { return c.wire == Wire::kCoded || c.recode; };
    if (std::any_of(contributions.begin(), contributions.end(), coded)) result_draw_.rank = Draw::kResult;
  }

  void run() {
    const size_t most = std::min(kTileBytes / size_, kMostElements);
    const size_t grain = hop_.codec != nullptr ? std::max<size_t>(hop_.codec->traits().tile_elements, 1) : 1;
    const size_t tile = one_call() ? hop_.count : std::max(most / grain * grain, grain);
    for (size_t begin = 0; begin < hop_.count; begin += tile) {
      tile_ = {begin, std::min(tile, hop_.count - begin), hop_.count};
      accumulate();
      finish();
      emit();
    }
    if (hop_.stream) reduce::flush_streams();
  }

 private:
  const std::byte* at(const Contribution& c) const {
    return c.data + tile_.begin * (c.wire == Wire::kPartial ? size_ : native_size_);
  }
  std::byte* native() const { return hop_.native + tile_.begin * native_size_; }
  std::byte* partial() const { return hop_.partial + tile_.begin * size_; }
  // Elements of this contribution are accumulators as they lie in memory.
  bool ready(const Contribution& c) const {
    return !c.recode && (c.wire == Wire::kPartial || (c.wire == Wire::kNative && hop_.type == accumulator_));
  }
  bool coded_floats(const Contribution& c) const { return c.wire == Wire::kCoded && accumulator_ == collFloat32; }

  // Whether the value may be made where it is wanted, which saves a pass through the scratch tile: nothing is read
  // there after the first store. Streamed outputs are made in scratch.
  bool made_in_place() const {
    if (hop_.coded != nullptr || hop_.stream) return false;
    if (hop_.partial == nullptr && hop_.type != accumulator_) return false;
    const std::byte* const output = hop_.partial != nullptr ? hop_.partial : hop_.native;
    return std::none_of(contributions_.begin(), contributions_.end(),
                        [output](const Contribution& c) { return c.data == output; });
  }

  // Whether nothing goes through scratch: a codec reads the contributions and writes the output in one call.
  bool one_call() const {
    const bool one_output = (hop_.native != nullptr) + (hop_.partial != nullptr) + (hop_.coded != nullptr) == 1;
    if (accumulator_ != collFloat32 || !one_output || (hop_.finish && hop_.op == collAvg)) return false;
    if (hop_.coded != nullptr) return contributions_.size() == 1 && ready(contributions_[0]);
    return direct_ && contributions_.size() <= kMostAtOnce &&
           std::all_of(contributions_.begin(), contributions_.end(),
                       [this](const Contribution& c) { return coded_floats(c); });
  }

  // Leaves the tile's value at value_: in scratch, where it is wanted, or as the only contribution has it.
  void accumulate() {
    made_ = !direct_ ? scratch_.accumulators : hop_.partial != nullptr ? partial() : native();
    value_ = nullptr;
    for (size_t next = 0; next < contributions_.size();) next = take(next);
  }

  // Combines contribution `next` with the value so far, and those behind it that the same call can serve; returns the
  // first that is left.
  size_t take(size_t next) {
    const Contribution& c = contributions_[next];
    if (coded_floats(c)) return take_run(next, [this](const Contribution& other) { return coded_floats(other); });
    if (ready(c)) return take_run(next, [this](const Contribution& other) { return ready(other); });
    if (value_ == nullptr) {
      load(c, made_);
    } else if (c.wire == Wire::kNative && !c.recode) {
      make_writable();
      reduce::combine_native(hop_.type, hop_.op, at(c), made_, tile_.count, hop_.isa);
    } else {
      load(c, scratch_.incoming);
      reduce::combine(accumulator_, hop_.op, value_, scratch_.incoming, made_, tile_.count, hop_.isa);
    }
    value_ = made_;
    return next + 1;
  }

  template <class Fits>
  size_t take_run(size_t next, const Fits& fits) {
    const std::byte* run[kMostAtOnce + 1];
    const bool coded = coded_floats(contributions_[next]);
    size_t some = 0;
    if (!coded && value_ != nullptr) run[some++] = value_;
    for (; next < contributions_.size() && some < kMostAtOnce && fits(contributions_[next]); ++next) {
      run[some++] = coded ? contributions_[next].data : at(contributions_[next]);
    }
    if (coded) {
      hop_.codec->decode_reduce({run, some}, tile_, hop_.op, reinterpret_cast<const float*>(value_),
                                reinterpret_cast<float*>(made_));
      value_ = made_;
    } else if (some == 1) {
      value_ = run[0];
    } else {
      reduce::Reduction reduction{accumulator_, hop_.op};
      reduction.partial = true;
      reduce::reduce_many(reduction, {run, some}, {&made_, 1}, tile_.count, hop_.isa);
      value_ = made_;
    }
    return next;
  }

  void load(const Contribution& c, std::byte* accumulators) {
    if (c.recode) {
      recode(c, accumulators);
    } else if (c.wire == Wire::kCoded) {
      decode(c.data, accumulators);
    } else {
      reduce::load(hop_.type, at(c), accumulators, tile_.count, hop_.isa);
    }
  }

  // The value as a tile of our own.
  void make_writable() {
    if (value_ == made_) return;
    std::memcpy(made_, value_, tile_.count * size_);
    value_ = made_;
  }

  void finish() {
    if (!hop_.finish || hop_.op != collAvg) return;
    make_writable();
    reduce::finish(hop_.type, hop_.op, hop_.nranks, made_, tile_.count, hop_.isa);
  }

  // A tile begins at a block, so that coded alone it decodes to what it would as a part of its message.
  void recode(const Contribution& c, std::byte* accumulators) {
    const Tile whole = tile_;
    reduce::load(hop_.type, at(c), accumulators, whole.count, hop_.isa);
    message_.resize(hop_.codec->max_bytes(whole.count));
    Draw draw = hop_.draw;
    draw.first_element += whole.begin;
    tile_ = {0, whole.count, whole.count};
    encode(accumulators, draw, message_.data());
    decode(message_.data(), accumulators);
    tile_ = whole;
  }

  // Codecs speak float32; float64 is converted a tile at a time.
  void decode(const std::byte* message, std::byte* accumulators) {
    if (accumulator_ == collFloat32) {
      hop_.codec->decode(message, tile_, reinterpret_cast<float*>(accumulators));
      return;
    }
    hop_.codec->decode(message, tile_, scratch_.floats);
    widen(scratch_.floats, accumulators, tile_.count);
  }

  void encode(const std::byte* accumulators, const Draw& draw, std::byte* message) {
    const auto* floats = reinterpret_cast<const float*>(accumulators);
    if (accumulator_ != collFloat32) {
      narrow(accumulators, scratch_.floats, tile_.count);
      floats = scratch_.floats;
    }
    hop_.codec->encode(floats, tile_, draw, message);
  }

  void emit() {
    if (hop_.partial != nullptr && value_ != partial()) std::memcpy(partial(), value_, tile_.count * size_);
    if (hop_.coded != nullptr) {
      encode(value_, result_draw_, hop_.coded);
      if (hop_.native == nullptr) return;
      made_ = hop_.type == collFloat32 && !hop_.stream ? native() : scratch_.incoming;
      decode(hop_.coded, made_);
      value_ = made_;
    }
    const bool there = value_ == made_ && made_ == native();
    if (hop_.native != nullptr && !there) store();
  }

  void store() {
    std::byte* const to = native();
    if (!hop_.stream) return reduce::store(hop_.type, value_, to, tile_.count, hop_.isa);
    if (hop_.type == accumulator_) return reduce::copy_streamed(hop_.type, value_, to, tile_.count, hop_.isa);
    reduce::store(hop_.type, value_, scratch_.native, tile_.count, hop_.isa);
    reduce::copy_streamed(hop_.type, scratch_.native, to, tile_.count, hop_.isa);
  }

  const Hop& hop_;
  std::span<const Contribution> contributions_;
  DataType accumulator_;
  size_t native_size_;
  size_t size_;
  bool direct_;
  Draw result_draw_;  // of the value: contributions that were encoded before have had their rank's
  Tile tile_{};
  std::byte* made_ = nullptr;         // where the tile's value is made
  const std::byte* value_ = nullptr;  // where it is; NULL before the first contribution
  std::vector<std::byte> message_;    // of one recoded tile
  Scratch scratch_;
};

// Where contributions and the one output are what reduce_many() takes, the whole part is one call.
bool reduce_whole(const Hop& hop, std::span<const Contribution> contributions) {
  const bool one_output = (hop.native != nullptr) != (hop.partial != nullptr);
  if (hop.coded != nullptr || !one_output || contributions.size() < 2 || contributions.size() > kMostAtOnce)
    return false;
  const DataType accumulator = accumulator_of(hop.type);
  const Wire wire = contributions[0].wire;
  const std::byte* inputs[kMostAtOnce];
  size_t some = 0;
  for (const Contribution& c : contributions) {
    const bool alike = c.wire == wire || hop.type == accumulator;
    if (c.wire == Wire::kCoded || c.recode || !alike) return false;
    inputs[some++] = c.data;
  }
  const bool of_accumulators = wire == Wire::kPartial;
  if (of_accumulators && hop.native != nullptr && hop.type != accumulator) return false;
  reduce::Reduction reduction{of_accumulators ? accumulator : hop.type, hop.op, hop.finish, hop.nranks};
  reduction.partial = hop.partial != nullptr;
  reduction.stream = hop.stream;
  std::byte* const output = hop.native != nullptr ? hop.native : hop.partial;
  reduce::reduce_many(reduction, {inputs, some}, {&output, 1}, hop.count, hop.isa);
  return true;
}

}  // namespace

void run_hop(const Hop& hop, std::span<const Contribution> contributions) {
  if (!reduce_whole(hop, contributions)) TileLoop(hop, contributions).run();
}

}  // namespace coll
