#include "check.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "perf/tools/numbers.hpp"

namespace coll::perf {
namespace {

constexpr size_t kChunk = 4096;  // whole blocks of every codec
constexpr double kFloatRoundoff = 0x1p-24;
constexpr double kFloatSpacing = 0x1p-149;  // of the subnormal numbers

// Sums of one chunk, and how far the result may be from them.
class Chunk {
 public:
  Chunk(const Made& made, size_t begin) : made_(made), begin_(begin), m_(std::min(kChunk, made.count - begin)) {
    for (const std::byte* const contribution : made.contributions) add(contribution);
    round_sums();
    if (made.encoded_again) encode_again();
    round_result();
  }

  void compare(Errors* errors) {
    read(made_.result);
    for (size_t i = 0; i < m_; ++i) {
      if (!std::isfinite(bound_[i])) continue;
      const double error = std::abs(values_[i] - sum_[i]);
      const bool wrong = !(error <= bound_[i]);  // NaN is wrong, too
      errors->wrong += wrong ? 1 : 0;
      errors->error_bound = std::max(errors->error_bound, bound_[i]);
      errors->count += 1;
      if (!std::isfinite(error)) continue;
      errors->max_abs_error = std::max(errors->max_abs_error, error);
      errors->squares += error * error;
      if (bound_[i] > 0) errors->worst_ratio = std::max(errors->worst_ratio, error / bound_[i]);
    }
  }

 private:
  void read(const std::byte* elements) {
    to_doubles(made_.type, elements + begin_ * facts(made_.type).bytes, {values_, m_});
  }
  // What encoding may do to values of these magnitudes.
  template <class Magnitude>
  void encode(const Magnitude& magnitude) {
    const size_t block = made_.codec->traits().block;
    for (size_t first = 0; first < m_; first += block) {
      const size_t end = std::min(first + block, m_);
      double largest = 0;
      for (size_t i = first; i < end; ++i) largest = std::max(largest, magnitude(i));
      for (size_t i = first; i < end; ++i) bound_[i] += encoding_error(magnitude(i), largest);
    }
  }
  // Codecs take float32; float64 elements are rounded to it before.
  double encoding_error(double magnitude, double block_max) const {
    if (made_.type != collFloat64) return made_.codec->error_bound(magnitude, block_max);
    const auto rounded = [](double x) { return x * (1 + kFloatRoundoff) + kFloatSpacing; };
    return rounded(magnitude) - magnitude + made_.codec->error_bound(rounded(magnitude), rounded(block_max));
  }
  void add(const std::byte* contribution) {
    read(contribution);
    const auto magnitude = [this](size_t i) { return std::isnan(values_[i]) ? INFINITY : std::abs(values_[i]); };
    if (made_.codec != nullptr) encode(magnitude);
    for (size_t i = 0; i < m_; ++i) {
      sum_[i] += values_[i];
      magnitudes_[i] += magnitude(i);
    }
  }
  void round_sums() {
    const auto additions = static_cast<double>(made_.contributions.size() - 1);
    const double roundoff = made_.codec != nullptr ? kFloatRoundoff : facts(made_.type).sum_roundoff;
    for (size_t i = 0; i < m_; ++i) bound_[i] += additions * roundoff * (magnitudes_[i] + bound_[i]);
  }
  void encode_again() {
    std::copy_n(bound_, m_, before_);
    encode([this](size_t i) { return std::abs(sum_[i]) + before_[i]; });
  }
  // The result is rounded to its type; a magnitude beyond the type's range is nobody's fault.
  void round_result() {
    const TypeFacts& type = facts(made_.type);
    for (size_t i = 0; i < m_; ++i) {
      const double largest = std::abs(sum_[i]) + bound_[i];
      if (largest > type.largest) bound_[i] = INFINITY;
      if (type.bytes < sizeof(float)) bound_[i] += largest * type.roundoff + type.smallest;
    }
  }

  const Made& made_;
  size_t begin_, m_;
  double values_[kChunk];
  double sum_[kChunk] = {};
  double magnitudes_[kChunk] = {};
  double bound_[kChunk] = {};
  double before_[kChunk];
};

// Sums of integers wrap, and nothing is lost.
Errors check_integers(const Made& made) {
  Errors errors;
  std::vector<uint64_t> sums(made.count), words(made.count);
  for (const std::byte* const contribution : made.contributions) {
    to_words(made.type, contribution, words);
    for (size_t i = 0; i < made.count; ++i) sums[i] += words[i];
  }
  to_words(made.type, made.result, words);
  for (size_t i = 0; i < made.count; ++i) errors.wrong += wrap(made.type, sums[i]) != words[i] ? 1 : 0;
  errors.count = made.count;
  return errors;
}

}  // namespace

Errors check(const Made& made) {
  if (!facts(made.type).is_float) return check_integers(made);
  Errors errors;
  for (size_t begin = 0; begin < made.count; begin += kChunk) Chunk(made, begin).compare(&errors);
  return errors;
}

}  // namespace coll::perf
