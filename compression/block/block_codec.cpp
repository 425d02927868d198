#include "compression/block/block_codec.hpp"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "compression/block/layout.hpp"
#include "compression/refusals.hpp"

namespace coll {
namespace {

// The scale is at most block_max / largest * (1 + 2^-7) (1 + 2^-23), or 2^-126. Before an element is rounded to a
// number, two roundings have put it off by |x| * 2^-23. The second factor covers all terms in 2^-23.
constexpr double kScaleSlack = 1 + 0x1p-7;
constexpr double kRoundingSlack = 1 + 0x1p-14;
constexpr double kSmallestScale = 0x1p-126;

}  // namespace

BlockCodec::BlockCodec(std::string_view name, const BlockFormat& format, const BlockSettings& settings,
                       const BlockKernels& kernels)
    : format_(format), kernels_(kernels) {
  if (settings.rounding.random) format_.half_unit *= 2;  // to either neighbour
  traits_.name = name;
  traits_.block = settings.block;
  traits_.rounding = settings.rounding;
  traits_.tile_elements = settings.block;
  traits_.bits_per_element = format_.bits + 16.0 / static_cast<double>(settings.block);
  const bool relative = format_.relative != 0;
  traits_.bound_kind = relative ? collBoundRelative : collBoundBlockMax;
  traits_.bound_value =
      kRoundingSlack * (relative ? format_.relative : kScaleSlack * format_.half_unit / format_.largest);
}

Status BlockCodec::make(std::string_view name, const BlockFormat& format, std::span<const SpecKey> keys,
                        const BlockKernels& kernels, std::unique_ptr<Codec>* codec) {
  BlockSettings settings{kDefaultBlock, {}};
  for (const SpecKey& key : keys) {
    if (is_rounding_key(key.key)) {
      COLL_TRY(read_rounding(name, key, &settings.rounding));
      continue;
    }
    size_t* const block = &settings.block;
    const char* const end = key.value.data() + key.value.size();
    const auto [stop, error] = std::from_chars(key.value.data(), end, *block);
    if (error != std::errc() || stop != end || !std::has_single_bit(*block) || *block < kMinBlock ||
        *block > kMaxBlock) {
      return Status(collInvalidArgument,
                    text("key 'block' of codec '", name, "' is a power of two from ", kMinBlock, " to ", kMaxBlock));
    }
  }
  COLL_TRY(refuse_idle_seed(name, settings.rounding));
  *codec = std::make_unique<BlockCodec>(name, format, settings, kernels);
  return {};
}

std::string BlockCodec::spec() const {
  const std::string block = traits_.block == kDefaultBlock ? "" : text("block=", traits_.block);
  return spec_of(traits_.name, block, keys_of(traits_.rounding));
}

Status BlockCodec::supports(DataType type) const { return refuse_unless_float(traits_.name, type); }

Status BlockCodec::supports(RedOp op) const { return refuse_product(traits_.name, op); }

size_t BlockCodec::max_bytes(size_t count) const {
  return block::scale_bytes(count, traits_.block) + block::code_bytes(count, format_.bits);
}

Status BlockCodec::validate(std::span<const std::byte> message, size_t count) const {
  return refuse_wrong_size(traits_.name, count, max_bytes(count), message.size());
}

size_t BlockCodec::scales_at(const Tile& tile) const { return tile.begin / traits_.block * sizeof(uint16_t); }

size_t BlockCodec::codes_at(const Tile& tile) const {
  return block::scale_bytes(tile.total, traits_.block) + block::code_bytes(tile.begin, format_.bits);
}

void BlockCodec::encode(const float* in, const Tile& tile, const Draw& draw, std::byte* message) const {
  std::byte* const scales = message + scales_at(tile);
  const random::Run draws = draws_of(traits_.rounding, draw, tile.begin);
  const BlockInput input{in, tile.count, traits_.block, traits_.rounding.random ? &draws : nullptr};
  kernels_.encode(input, scales, message + codes_at(tile));
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

double BlockCodec::error_bound(double x, double block_max) const {
  if (!(block_max <= FLT_MAX)) return std::numeric_limits<double>::infinity();
  const double scale = std::max(block_max * kScaleSlack / format_.largest, kSmallestScale);
  return std::max(std::abs(x) * format_.relative, scale * format_.half_unit) * kRoundingSlack;
}

}  // namespace coll
