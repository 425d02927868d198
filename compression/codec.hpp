// The codec contract: what a codec promises and what the executor may ask of it.
//
// A codec turns float32 elements into a message and back. The executor hands it tiles, so that decoding, reducing and
// encoding happen while the elements are in the L1 cache: `Tile` is a range of the message's elements that begins at a
// multiple of traits().tile_elements and ends at one or at the message's end. Buffers may have any alignment. Messages
// are self-contained; a codec's block grid starts at the message's first element. Encoded bytes do not depend on the
// tiles used, the instruction set or the side (host or device) they were made on. Codecs are immutable and may be used
// by many threads at once; scratch comes from the caller.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/simd.hpp"
#include "base/status.hpp"
#include "base/types.hpp"
#include "compression/rounding.hpp"

namespace coll {

struct CodecTraits {
  std::string_view name;
  bool lossless = false;
  bool fixed_size = true;       // a message of n elements always has max_bytes(n) bytes
  bool sums_on_wire = false;    // encoded blocks can be added without decoding
  bool chooses = false;         // stands for other codecs, see Codec::candidates(); its own messages are exact
  bool asks_magnitude = false;  // ... and for which follows from the data, see Codec::settled()
  Rounding rounding;            // of what is encoded
  bool keeps_state = false;     // error feedback or factors, one handle per tensor
  int max_encodings = 2;        // how often an element may be encoded while the published bound holds
  size_t agree_bytes = 0;       // bytes of the agreement round before encoding; 0 where there is none
  size_t block = 1;             // elements that share a scale; shards and chunks are cut at multiples of it
  size_t tile_elements = 1;     // tiles begin at multiples of this; 0: only whole messages
  double bits_per_element = 32;
  collBoundKind_t bound_kind = collBoundNone;
  double bound_value = 0;  // of one encoding, in the unit that bound_kind names
};

// A codec that may be used in place of another, and how often it may then encode an element.
class Codec;
struct Candidate {
  std::shared_ptr<const Codec> codec;
  int max_encodings;
};

// Elements [begin, begin+count) of a message of `total` elements.
struct Tile {
  size_t begin;
  size_t count;
  size_t total;
};

class Codec {
 public:
  virtual ~Codec() = default;
  virtual const CodecTraits& traits() const = 0;
  virtual std::string spec() const = 0;  // canonical text that makes this codec again
  // collUnsupported, in words, where the codec cannot serve the type or (for reductions) the operator.
  virtual Status supports(DataType type) const = 0;
  virtual Status supports(RedOp op) const = 0;

  // The most bytes that `count` elements take; exactly that many where traits().fixed_size.
  virtual size_t max_bytes(size_t count) const = 0;
  // Whether `message` can be decoded to `count` elements without reading or writing out of bounds; else
  // collCorruptData.
  virtual Status validate(std::span<const std::byte> message, size_t count) const = 0;

  // in[0..tile.count) -> the tile's part of `message`, which has max_bytes(tile.total) bytes.
  virtual void encode(const float* in, const Tile& tile, const Draw& draw, std::byte* message) const = 0;
  // The tile's part of a validated message -> out[0..tile.count).
  virtual void decode(const std::byte* message, const Tile& tile, float* out) const = 0;
  // out[i] = first[i], unless `first` is NULL, combined with what messages[0], messages[1], ... decode to, in this
  // order; collAvg adds. Same result as decode() and reductions one after the other. At least one message, all
  // validated; `out` may be `first`.
  virtual void decode_reduce(std::span<const std::byte* const> messages, const Tile& tile, RedOp op, const float* first,
                             float* out) const = 0;

  // Where traits().chooses: what a call may use in place of being exact.
  virtual std::span<const Candidate> candidates() const { return {}; }
  // Where traits().asks_magnitude: the choosing codec that stands in for this one in a call of `ranks` ranks whose
  // elements' contributions come to at most `magnitude` together; without candidates where the call has to be exact. It
  // is this codec's own, and the same for the same arguments. This codec's candidates() are those of the smallest data.
  virtual std::shared_ptr<const Codec> settled(double magnitude, int ranks) const {
    static_cast<void>(magnitude);
    static_cast<void>(ranks);
    return nullptr;
  }

  // Worst-case error of one encoding of an element with value x in a block whose largest magnitude is block_max.
  virtual double error_bound(double x, double block_max) const = 0;
};

// One key of a spec, already split.
struct SpecKey {
  std::string key;
  std::string value;
};

// A registered codec: its name, its documented keys, and how one is made from a spec's keys.
struct CodecEntry {
  std::string_view name;
  std::string_view keys;  // "block", as listed to the user; "" where there are none
  Status (*make)(std::span<const SpecKey> keys, Isa isa, std::unique_ptr<Codec>* codec);
};

// Every codec of the library, in the order of the documentation.
std::span<const CodecEntry> codec_registry();

// Makes the codec that `spec` names: name[:key=value[,key=value]...]. collInvalidArgument lists the valid names or
// keys. Kernels are those of `isa`; the bytes are the same with each.
Status make_codec(std::string_view spec, std::unique_ptr<Codec>* codec, Isa isa = best_isa());

}  // namespace coll
