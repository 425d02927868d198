// Codecs of integers that share a scale per block: int8 and int4 differ only in how they pack codes.
#pragma once

#include <cstddef>

#include "compression/codec.hpp"

namespace coll {

// Where a tile of one message begins.
struct BlockSource {
  const std::byte* scales;
  const std::byte* codes;
};

inline constexpr size_t kMostMessages = 16;  // that one call decodes

// The loops of one packing and instruction set, over whole blocks and a last one that may be shorter.
struct BlockKernels {
  void (*encode)(const void* floats, size_t count, size_t block, std::byte* scales, std::byte* codes);
  // floats[i] = first[i], unless that is NULL, combined with what the messages decode to.
  void (*decode[collNumOps])(const BlockSource* messages, size_t message_count, const void* first, size_t count,
                             size_t block, void* floats);
};

class BlockCodec final : public Codec {
 public:
  static constexpr size_t kDefaultBlock = 128;
  static constexpr size_t kMinBlock = 32;
  static constexpr size_t kMaxBlock = 4096;

  BlockCodec(std::string_view name, int bits, size_t block, const BlockKernels& kernels);
  // The value of key `block`: a power of two in [kMinBlock, kMaxBlock].
  static Status read_block(std::string_view codec, std::span<const SpecKey> keys, size_t* block);

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
  int bits_;
  const BlockKernels& kernels_;
};

}  // namespace coll
