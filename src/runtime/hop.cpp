#include "runtime/hop.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "reduce/reduce.hpp"

namespace coll {

namespace {

constexpr size_t kTileBytes = 16384;    // of accumulators: half of a 32 KiB L1 cache
constexpr size_t kMostElements = 4096;  // of a tile: the largest block of any codec

// One tile's working memory; accumulators are float32, float64 or integers.
struct Scratch {
  alignas(64) std::byte accumulators[kMostElements * sizeof(double)];
  alignas(64) std::byte incoming[kMostElements * sizeof(double)];
  alignas(64) float floats[kMostElements];  // what codecs read and write where accumulators are float64
};

class TileLoop {
 public:
  TileLoop(const Hop& hop, std::span<const Contribution> contributions)
      : hop_(hop),
        contributions_(contributions),
        accumulator_(accumulator_of(hop.type)),
        native_size_(size_of(hop.type)),
        size_(size_of(accumulator_)) {}

  void run() {
    const size_t most = std::min(kTileBytes / size_, kMostElements);
    const size_t grain = hop_.codec != nullptr ? std::max<size_t>(hop_.codec->traits().tile_elements, 1) : 1;
    const size_t tile = std::max(most / grain * grain, grain);
    for (size_t begin = 0; begin < hop_.count; begin += tile) {
      tile_ = {begin, std::min(tile, hop_.count - begin), hop_.count};
      accumulate();
      if (hop_.finish) reduce::finish(hop_.type, hop_.op, hop_.nranks, value_, tile_.count, hop_.isa);
      emit();
    }
  }

 private:
  const std::byte* at(const Contribution& c) const {
    return c.data + tile_.begin * (c.wire == Wire::kPartial ? size_ : native_size_);
  }
  // Elements of this contribution are accumulators as they lie in memory.
  bool ready(const Contribution& c) const {
    return !c.recode && (c.wire == Wire::kPartial || (c.wire == Wire::kNative && hop_.type == accumulator_));
  }

  // Leaves the tile's value at value_, in scratch or where it will be wanted.
  void accumulate() {
    value_ = scratch_.accumulators;
    size_t next = 1;
    if (contributions_.size() >= 2 && ready(contributions_[0]) && ready(contributions_[1])) {
      if (contributions_.size() == 2) value_ = destination();
      reduce::combine(accumulator_, hop_.op, at(contributions_[0]), at(contributions_[1]), value_, tile_.count,
                      hop_.isa);
      next = 2;
    } else {
      take_first(contributions_[0]);
    }
    for (; next < contributions_.size(); ++next) add(contributions_[next]);
  }

  // Two contributions are combined straight into the output, which saves a pass through the scratch tile.
  std::byte* destination() {
    if (hop_.coded != nullptr) return scratch_.accumulators;
    if (hop_.partial != nullptr) return hop_.partial + tile_.begin * size_;
    if (hop_.native != nullptr && hop_.type == accumulator_) return hop_.native + tile_.begin * native_size_;
    return scratch_.accumulators;
  }

  void take_first(const Contribution& c) {
    if (c.recode) {
      recode(c, value_);
    } else if (c.wire == Wire::kCoded) {
      decode(c.data, value_);
    } else if (c.wire == Wire::kPartial) {
      std::memcpy(value_, at(c), tile_.count * size_);
    } else {
      reduce::load(hop_.type, at(c), value_, tile_.count, hop_.isa);
    }
  }

  void add(const Contribution& c) {
    if (c.recode) {
      recode(c, scratch_.incoming);
      reduce::combine(accumulator_, hop_.op, value_, scratch_.incoming, value_, tile_.count, hop_.isa);
    } else if (c.wire == Wire::kPartial) {
      reduce::combine(accumulator_, hop_.op, value_, at(c), value_, tile_.count, hop_.isa);
    } else if (c.wire == Wire::kNative) {
      reduce::combine_native(hop_.type, hop_.op, at(c), value_, tile_.count, hop_.isa);
    } else if (accumulator_ == collFloat32) {
      float* const floats = reinterpret_cast<float*>(value_);
      hop_.codec->decode_reduce({&c.data, 1}, tile_, hop_.op, floats, floats);
    } else {
      decode(c.data, scratch_.incoming);
      reduce::combine(accumulator_, hop_.op, value_, scratch_.incoming, value_, tile_.count, hop_.isa);
    }
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
    std::copy_n(scratch_.floats, tile_.count, reinterpret_cast<double*>(accumulators));
  }

  void encode(const std::byte* accumulators, const Draw& draw, std::byte* message) {
    const auto* floats = reinterpret_cast<const float*>(accumulators);
    if (accumulator_ != collFloat32) {
      const auto* doubles = reinterpret_cast<const double*>(accumulators);
      std::transform(doubles, doubles + tile_.count, scratch_.floats, [](double x) { return static_cast<float>(x); });
      floats = scratch_.floats;
    }
    hop_.codec->encode(floats, tile_, draw, message);
  }

  void emit() {
    if (hop_.partial != nullptr && value_ != hop_.partial + tile_.begin * size_) {
      std::memcpy(hop_.partial + tile_.begin * size_, value_, tile_.count * size_);
    }
    if (hop_.coded != nullptr) {
      encode(value_, hop_.draw, hop_.coded);
      if (hop_.native != nullptr) decode(hop_.coded, scratch_.incoming);
      if (hop_.native != nullptr) value_ = scratch_.incoming;
    }
    if (hop_.native != nullptr && value_ != hop_.native + tile_.begin * native_size_) {
      reduce::store(hop_.type, value_, hop_.native + tile_.begin * native_size_, tile_.count, hop_.isa);
    }
  }

  const Hop& hop_;
  std::span<const Contribution> contributions_;
  DataType accumulator_;
  size_t native_size_;
  size_t size_;
  Tile tile_{};
  std::byte* value_ = nullptr;
  std::vector<std::byte> message_;  // of one recoded tile
  Scratch scratch_;
};

}  // namespace

void run_hop(const Hop& hop, std::span<const Contribution> contributions) { TileLoop(hop, contributions).run(); }

}  // namespace coll
