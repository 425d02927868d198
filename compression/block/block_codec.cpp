#include "compression/block/block_codec.hpp"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <charconv>
#include <cstring>
#include <limits>

#include "compression/block/layout.hpp"
#include "compression/refusals.hpp"

namespace coll {
namespace {

// |error| <= scale / 2 (rounding) + |x / scale| * 2^-23 * scale (the two roundings before it), and the scale is at most
// block_max / max_code * (1 + 2^-7) (1 + 2^-23). The second factor covers all terms in 2^-23.
constexpr double kScaleSlack = 1 + 0x1p-7;
constexpr double kRoundingSlack = 1 + 0x1p-14;

double bound_of(int bits) { return kScaleSlack * kRoundingSlack / (2 * block::max_code(bits)); }

}  // namespace

BlockCodec::BlockCodec(std::string_view name, int bits, size_t block, const BlockKernels& kernels)
    : bits_(bits), kernels_(kernels) {
  traits_.name = name;
  traits_.block = block;
  traits_.tile_elements = block;
  traits_.bits_per_element = bits + 16.0 / static_cast<double>(block);
  traits_.bound_kind = collBoundBlockMax;
  traits_.bound_value = bound_of(bits);
}

Status BlockCodec::read_block(std::string_view codec, std::span<const SpecKey> keys, size_t* block) {
  *block = kDefaultBlock;
  for (const SpecKey& key : keys) {
    const char* const end = key.value.data() + key.value.size();
    const auto [stop, error] = std::from_chars(key.value.data(), end, *block);
    if (error != std::errc() || stop != end || !std::has_single_bit(*block) || *block < kMinBlock ||
        *block > kMaxBlock) {
      return Status(collInvalidArgument,
                    text("key 'block' of codec '", codec, "' is a power of two from ", kMinBlock, " to ", kMaxBlock));
    }
  }
  return {};
}

std::string BlockCodec::spec() const {
  return traits_.block == kDefaultBlock ? std::string(traits_.name) : text(traits_.name, ":block=", traits_.block);
}

Status BlockCodec::supports(DataType type) const { return refuse_unless_float(traits_.name, type); }

Status BlockCodec::supports(RedOp op) const { return refuse_product(traits_.name, op); }

size_t BlockCodec::max_bytes(size_t count) const {
  return block::scale_bytes(count, traits_.block) + block::code_bytes(count, bits_);
}

Status BlockCodec::validate(std::span<const std::byte> message, size_t count) const {
  return refuse_wrong_size(traits_.name, count, max_bytes(count), message.size());
}

size_t BlockCodec::scales_at(const Tile& tile) const { return tile.begin / traits_.block * sizeof(uint16_t); }

size_t BlockCodec::codes_at(const Tile& tile) const {
  return block::scale_bytes(tile.total, traits_.block) + block::code_bytes(tile.begin, bits_);
}

void BlockCodec::encode(const float* in, const Tile& tile, const Draw&, std::byte* message) const {
  std::byte* const scales = message + scales_at(tile);
  kernels_.encode(in, tile.count, traits_.block, scales, message + codes_at(tile));
  if (tile.begin + tile.count == tile.total) {  // the last tile writes the padding too
    std::byte* const used = scales + block::block_count(tile.count, traits_.block) * sizeof(uint16_t);
    std::fill(used, message + block::scale_bytes(tile.total, traits_.block), std::byte{0});
  }
}

void BlockCodec::decode(const std::byte* message, const Tile& tile, float* out) const {
  decode_reduce({&message, 1}, tile, collSum, nullptr, out);
}

void BlockCodec::decode_reduce(std::span<const std::byte* const> messages, const Tile& tile, RedOp op,
                               const float* first, float* out) const {
  BlockSource sources[kMostMessages];
  while (!messages.empty()) {
    const size_t some = std::min(messages.size(), kMostMessages);
    for (size_t j = 0; j < some; ++j) sources[j] = {messages[j] + scales_at(tile), messages[j] + codes_at(tile)};
    kernels_.decode[op](sources, some, first, tile.count, traits_.block, out);
    first = out;
    messages = messages.subspan(some);
  }
}

double BlockCodec::error_bound(double, double block_max) const {
  if (!(block_max <= FLT_MAX)) return std::numeric_limits<double>::infinity();
  return std::max(block_max * traits_.bound_value, 0x1p-127 * kRoundingSlack);  // scales are at least 2^-126
}

}  // namespace coll
