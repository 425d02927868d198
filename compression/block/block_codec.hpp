// Codecs of numbers that share a scale per block: integers and small floats, which differ in what numbers there are and
// how their codes are packed.
#pragma once

#include <cstddef>

#include "compression/block/numbers.hpp"
#include "compression/codec.hpp"

namespace coll {

// Where a tile of one message begins.
struct BlockSource {
  const std::byte* scales;
  const std::byte* codes;
};

// A tile of elements to encode.
struct BlockInput {
  const void* floats;
  size_t count;
  size_t block;
  const random::Run* random;  // the draws of the elements; NULL: rounded to nearest
};

inline constexpr size_t kMostMessages = 16;  // that one call decodes

// The loops of one packing and instruction set, over whole blocks and a last one that may be shorter.
struct BlockKernels {
  void (*encode)(const BlockInput& input, std::byte* scales, std::byte* codes);
  // floats[i] = first[i], unless that is NULL, combined with what the messages decode to.
  void (*decode[collNumOps])(const BlockSource* messages, size_t message_count, const void* first, size_t count,
                             size_t block, void* floats);
};

// What bounds the error of rounding x to the nearest number: `relative` times |x|, but no less than `half_unit` scales.
struct BlockFormat {
  int bits;
  double largest;    // of the numbers
  double relative;   // 0 where all numbers are as far apart
  double half_unit;  // half the distance of the smallest ones
};

template <class Number>
constexpr BlockFormat format_of() {
  BlockFormat format{Number::kBits, double{Number::kLargest}, 0, 0.5};
  if constexpr (requires { typename Number::Small; }) {
    using Small = typename Number::Small;
    format.relative = 1.0 / ((2 << Small::kMantissaBits) + 1);  // halfway between 1 and the next
    format.half_unit = 1.0 / (1 << (Small::kBias + Small::kMantissaBits));
  }
  return format;
}

struct BlockSettings {
  size_t block;
  Rounding rounding;
};

class BlockCodec final : public Codec {
 public:
  static constexpr size_t kDefaultBlock = 128;
  static constexpr size_t kMinBlock = 32;
  static constexpr size_t kMaxBlock = 4096;

  BlockCodec(std::string_view name, const BlockFormat& format, const BlockSettings& settings,
             const BlockKernels& kernels);
  // Key `block`: a power of two in [kMinBlock, kMaxBlock]. Keys `rounding` and `seed`: see rounding.hpp.
  static Status make(std::string_view name, const BlockFormat& format, std::span<const SpecKey> keys,
                     const BlockKernels& kernels, std::unique_ptr<Codec>* codec);

  const CodecTraits& traits() const override { return traits_; }
  std::string spec() const override;
  Status supports(DataType type) const override;
  Status supports(RedOp op) const override;
  size_t max_bytes(size_t count) const override;
  Status validate(std::span<const std::byte> message, size_t count) const override;
  void encode(const float* in, const Tile& tile, const Draw& draw, std::byte* message) const override;
  void decode(const std::byte* message, const Tile& tile, float* out) const override;
  void decode_reduce(std::span<const std::byte* const> messages, const Tile& tile, RedOp op, const float* first,
                     float* out) const override;
  double error_bound(double x, double block_max) const override;

 private:
  // Where a tile's scales and codes begin in the message.
  size_t scales_at(const Tile& tile) const;
  size_t codes_at(const Tile& tile) const;

  CodecTraits traits_;
  BlockFormat format_;
  const BlockKernels& kernels_;
};

}  // namespace coll
