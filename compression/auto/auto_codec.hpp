// Codec `auto`: exact, or one of a few codecs whose errors it bounds, call by call. See FORMAT.md.
//
// Which codecs may be used follows from the bound alone; which of them pays is for those who know what calls cost.
#pragma once

#include <string>
#include <vector>

#include "compression/codec.hpp"

namespace coll::auto_codec {

// What the result may err by. 0: nothing is asked.
struct Tolerance {
  double rel = 0;  // times what the ranks' largest magnitudes come to
  double abs = 0;
};
inline constexpr double kDefaultRel = 0.01;

// What `encodings` in a row that err by `each` may add up to, relative to what is encoded: the second one meets the
// errors of the first.
double bound_after(double each, int encodings);

// What may be used where the result may err by `rel` times what the ranks' largest magnitudes come to.
struct Level {
  double rel;
  std::shared_ptr<const Codec> codec;
};

class AutoCodec final : public Codec {
 public:
  // `levels`, in ascending order, where an absolute error is asked for: one for each set of candidates.
  AutoCodec(const Tolerance& tolerance, std::shared_ptr<const Codec> exact, std::vector<Candidate> candidates,
            std::vector<Level> levels = {});

  const CodecTraits& traits() const override { return traits_; }
  std::string spec() const override;
  std::span<const Candidate> candidates() const override { return candidates_; }
  std::shared_ptr<const Codec> settled(double magnitude, int ranks) const override;

  // Calls that no candidate serves are exact.
  Status supports(DataType) const override { return {}; }
  Status supports(RedOp) const override { return {}; }

  // A message of its own, apart from any collective, is that of `none`.
  size_t max_bytes(size_t count) const override { return exact_->max_bytes(count); }
  Status validate(std::span<const std::byte> message, size_t count) const override {
    return exact_->validate(message, count);
  }
  void encode(const float* in, const Tile& tile, const Draw& draw, std::byte* message) const override {
    exact_->encode(in, tile, draw, message);
  }
  void decode(const std::byte* message, const Tile& tile, float* out) const override {
    exact_->decode(message, tile, out);
  }
  void decode_reduce(std::span<const std::byte* const> messages, const Tile& tile, RedOp op, const float* first,
                     float* out) const override {
    exact_->decode_reduce(messages, tile, op, first, out);
  }
  double error_bound(double, double) const override { return 0; }

 private:
  Tolerance tolerance_;
  CodecTraits traits_;
  std::shared_ptr<const Codec> exact_;
  std::vector<Candidate> candidates_;
  std::vector<Level> levels_;
};

}  // namespace coll::auto_codec
