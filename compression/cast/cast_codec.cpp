#include "compression/cast/cast_codec.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "compression/refusals.hpp"

namespace coll {

CastCodec::CastCodec(std::string_view name, const CastFormat& format, const CastKernels& kernels,
                     const Rounding& rounding)
    : format_(format), kernels_(kernels) {
  if (rounding.random) {  // to either neighbour
    format_.relative *= 2;
    format_.absolute *= 2;
    format_.overflows_at = std::nextafter(format_.largest, std::numeric_limits<double>::infinity());
  }
  traits_.name = name;
  traits_.lossless = format_.relative == 0;
  traits_.bits_per_element = 8.0 * static_cast<double>(format.bytes);
  traits_.bound_kind = traits_.lossless ? collBoundNone : collBoundRelative;
  traits_.bound_value = format_.relative;
  traits_.rounding = rounding;
}

Status CastCodec::make(std::string_view name, const CastFormat& format, std::span<const SpecKey> keys,
                       const CastKernels& kernels, std::unique_ptr<Codec>* codec) {
  Rounding rounding;
  for (const SpecKey& key : keys) COLL_TRY(read_rounding(name, key, &rounding));
  COLL_TRY(refuse_idle_seed(name, rounding));
  *codec = std::make_unique<CastCodec>(name, format, kernels, rounding);
  return {};
}

Status CastCodec::supports(DataType type) const {
  return traits_.lossless ? Status() : refuse_unless_float(traits_.name, type);
}

Status CastCodec::supports(RedOp op) const { return traits_.lossless ? Status() : refuse_product(traits_.name, op); }

Status CastCodec::validate(std::span<const std::byte> message, size_t count) const {
  return refuse_wrong_size(traits_.name, count, max_bytes(count), message.size());
}

void CastCodec::encode(const float* in, const Tile& tile, const Draw& draw, std::byte* message) const {
  std::byte* to = message + tile.begin * format_.bytes;
  if (!traits_.rounding.random) return kernels_.encode(in, to, tile.count);
  random::Run draws = draws_of(traits_.rounding, draw, tile.begin);
  for (size_t left = tile.count; left > 0;) {
    const size_t some = std::min<size_t>(left, draws.sharing_key());
    kernels_.encode_random(in, to, some, draws);
    draws = draws.after(some);
    in += some;
    to += some * format_.bytes;
    left -= some;
  }
}

void CastCodec::decode(const std::byte* message, const Tile& tile, float* out) const {
  kernels_.decode(message + tile.begin * format_.bytes, out, tile.count);
}

void CastCodec::decode_reduce(std::span<const std::byte* const> messages, const Tile& tile, RedOp op,
                              const float* first, float* out) const {
  if (messages.size() == 1 && first == nullptr) return decode(messages[0], tile, out);
  kernels_.decode_reduce[op](messages, tile.begin, first, out, tile.count);
}

double CastCodec::error_bound(double x, double) const {
  if (traits_.lossless) return 0;
  const double size = std::abs(x);
  if (!(size < format_.overflows_at)) return std::numeric_limits<double>::infinity();
  return std::max(size * format_.relative, format_.absolute);
}

}  // namespace coll
