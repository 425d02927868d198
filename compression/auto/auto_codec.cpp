#include "compression/auto/auto_codec.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace coll::auto_codec {

namespace {

// Codecs that `auto` may use. All bound an encoding's error by the largest magnitude of what is encoded.
constexpr std::string_view kCandidates[] = {"bf16", "int8", "int4"};

constexpr double kFloat64ToFloat32 = 0x1p-24;  // what encoding a float64 errs by beside the codec
constexpr double kSmallestNormal = 0x1p-126;
constexpr double kLargestSafe = 0x1p126;  // sums up to there, and what they err by, overflow no candidate

Status read_tolerance(const SpecKey& key, double* value) {
  const char* const end = key.value.data() + key.value.size();
  const auto [stop, error] = std::from_chars(key.value.data(), end, *value);
  if (error == std::errc() && stop == end && std::isfinite(*value) && *value > 0) return {};
  return {collInvalidArgument, text("key '", key.key, "' of codec 'auto' is a number above 0")};
}

// The shortest text that is read as the same number.
std::string number(double value) {
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
  return {digits, error == std::errc() ? end : digits};
}

// What `encodings` by `codec` in a row come to.
double bound_of(const CodecTraits& codec, int encodings) {
  return bound_after(codec.bound_value * (1 + kFloat64ToFloat32) + kFloat64ToFloat32, encodings);
}

using Codecs = std::vector<std::shared_ptr<const Codec>>;

Status make_all(Isa isa, Codecs* codecs) {
  for (const std::string_view name : kCandidates) {
    std::unique_ptr<Codec> codec;
    COLL_TRY(make_codec(name, &codec, isa));
    codecs->push_back(std::move(codec));
  }
  return {};
}

// The codecs that may encode an element at all so that the bound is kept, and how often.
std::vector<Candidate> candidates_within(double rel, const Codecs& codecs) {
  std::vector<Candidate> candidates;
  for (const auto& codec : codecs) {
    int encodings = 0;
    while (encodings < codec->traits().max_encodings && bound_of(codec->traits(), encodings + 1) <= rel) ++encodings;
    if (encodings > 0) candidates.push_back({codec, encodings});
  }
  return candidates;
}

// Every bound up to `most` at which one more candidate or encoding is admitted, after the one that admits nothing.
std::vector<Level> levels_within(double most, const std::shared_ptr<const Codec>& exact, const Codecs& codecs) {
  std::vector<double> bounds = {0};
  for (const auto& codec : codecs) {
    for (int encodings = 1; encodings <= codec->traits().max_encodings; ++encodings) {
      bounds.push_back(bound_of(codec->traits(), encodings));
    }
  }
  std::sort(bounds.begin(), bounds.end());
  bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
  std::vector<Level> levels;
  for (const double rel : bounds) {
    if (rel > most) break;
    levels.push_back({rel, std::make_shared<AutoCodec>(Tolerance{rel, 0}, exact, candidates_within(rel, codecs))});
  }
  return levels;
}

}  // namespace

double bound_after(double each, int encodings) { return std::pow(1 + each, encodings) - 1; }

AutoCodec::AutoCodec(const Tolerance& tolerance, std::shared_ptr<const Codec> exact, std::vector<Candidate> candidates,
                     std::vector<Level> levels)
    : tolerance_(tolerance), exact_(std::move(exact)), candidates_(std::move(candidates)), levels_(std::move(levels)) {
  traits_ = exact_->traits();
  traits_.name = "auto";
  traits_.lossless = candidates_.empty();
  traits_.chooses = true;
  traits_.asks_magnitude = !levels_.empty();
  if (traits_.lossless) return;
  traits_.bound_kind = tolerance.abs > 0 ? collBoundAbsolute : collBoundResult;
  traits_.bound_value = tolerance.abs > 0 ? tolerance.abs : tolerance.rel;
}

std::shared_ptr<const Codec> AutoCodec::settled(double magnitude, int ranks) const {
  // Below a candidate's normal range an encoding adds that much: of each contribution, and of the result.
  const double slack = tolerance_.abs - (ranks + 1.0) * kSmallestNormal;
  const Level* chosen = &levels_.front();
  for (const Level& level : levels_) {
    if (magnitude <= kLargestSafe && level.rel * magnitude <= slack) chosen = &level;
  }
  return chosen->codec;
}

std::string AutoCodec::spec() const {
  std::string keys;
  if (tolerance_.rel > 0 && (tolerance_.abs > 0 || tolerance_.rel != kDefaultRel)) {
    keys = text("rel=", number(tolerance_.rel));
  }
  if (tolerance_.abs > 0) keys += text(keys.empty() ? "" : ",", "abs=", number(tolerance_.abs));
  return keys.empty() ? std::string(traits_.name) : text(traits_.name, ":", keys);
}

Status make(std::span<const SpecKey> keys, Isa isa, std::unique_ptr<Codec>* codec) {
  Tolerance tolerance;
  for (const SpecKey& key : keys) {
    COLL_TRY(read_tolerance(key, key.key == "rel" ? &tolerance.rel : &tolerance.abs));
  }
  if (keys.empty()) tolerance.rel = kDefaultRel;
  std::unique_ptr<Codec> none;
  COLL_TRY(make_codec("none", &none, isa));
  const std::shared_ptr<const Codec> exact = std::move(none);
  Codecs codecs;
  COLL_TRY(make_all(isa, &codecs));
  const double rel = tolerance.rel > 0 ? tolerance.rel : std::numeric_limits<double>::infinity();
  std::vector<Level> levels;
  std::vector<Candidate> candidates = candidates_within(rel, codecs);
  if (tolerance.abs > 0 && !candidates.empty()) levels = levels_within(rel, exact, codecs);
  *codec = std::make_unique<AutoCodec>(tolerance, exact, std::move(candidates), std::move(levels));
  return {};
}

}  // namespace coll::auto_codec
