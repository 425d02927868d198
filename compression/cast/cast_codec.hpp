// Codecs that store each element on its own, in a fixed number of bytes: `none` and the casts to shorter floats.
#pragma once

#include <cstddef>

#include "compression/codec.hpp"

namespace coll {

// The loops of one format and instruction set.
struct CastKernels {
  void (*encode)(const void* floats, void* codes, size_t count);
  // Rounded with these draws, which share a key; NULL where nothing is rounded.
  void (*encode_random)(const void* floats, void* codes, size_t count, const random::Run& draws);
  void (*decode)(const void* codes, void* floats, size_t count);
  // floats[i] = first[i], unless that is NULL, combined with elements begin + i of the messages.
  void (*decode_reduce[collNumOps])(std::span<const std::byte* const> messages, size_t begin, const void* first,
                                    void* floats, size_t count);
};

struct CastFormat {
  size_t bytes;         // of one element
  double relative;      // bound of the rounding error of x in units of |x|, in the normal range
  double absolute;      // bound below the normal range
  double overflows_at;  // the smallest magnitude that becomes infinity; 0 where none does
  double largest = 0;   // that is finite
};

class CastCodec final : public Codec {
 public:
  CastCodec(std::string_view name, const CastFormat& format, const CastKernels& kernels, const Rounding& rounding = {});
  // Keys `rounding` and `seed`: see rounding.hpp.
  static Status make(std::string_view name, const CastFormat& format, std::span<const SpecKey> keys,
                     const CastKernels& kernels, std::unique_ptr<Codec>* codec);

  const CodecTraits& traits() const override { return traits_; }
  std::string spec() const override { return spec_of(traits_.name, keys_of(traits_.rounding), ""); }
  Status supports(DataType type) const override;
  Status supports(RedOp op) const override;
  size_t max_bytes(size_t count) const override { return count * format_.bytes; }
  Status validate(std::span<const std::byte> message, size_t count) const override;
  void encode(const float* in, const Tile& tile, const Draw& draw, std::byte* message) const override;
  void decode(const std::byte* message, const Tile& tile, float* out) const override;
  void decode_reduce(std::span<const std::byte* const> messages, const Tile& tile, RedOp op, const float* first,
                     float* out) const override;
  double error_bound(double x, double block_max) const override;

 private:
  CodecTraits traits_;
  CastFormat format_;
  const CastKernels& kernels_;
};

}  // namespace coll
