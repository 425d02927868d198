#include "compression/auto/auto_codec.hpp"

#include <charconv>
#include <cmath>

namespace coll::auto_codec {

namespace {

// Codecs that `auto` may use. All bound an encoding's error by the largest magnitude of what is encoded.
constexpr std::string_view kCandidates[] = {"bf16", "int8", "int4"};

constexpr double kFloat64ToFloat32 = 0x1p-24;  // what encoding a float64 errs by beside the codec

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

// How often `codec` may encode an element so that the bound is kept.
int encodings_within(double rel, const CodecTraits& codec) {
  const double each = codec.bound_value * (1 + kFloat64ToFloat32) + kFloat64ToFloat32;
  int encodings = 0;
  while (encodings < codec.max_encodings && bound_after(each, encodings + 1) <= rel) ++encodings;
  return encodings;
}

Status find_candidates(const Tolerance& tolerance, Isa isa, std::vector<Candidate>* candidates) {
  // No codec knows before it sees the data what its error comes to in absolute terms: such calls stay exact.
  if (tolerance.abs > 0) return {};
  for (const std::string_view name : kCandidates) {
    std::unique_ptr<Codec> codec;
    COLL_TRY(make_codec(name, &codec, isa));
    const int encodings = encodings_within(tolerance.rel, codec->traits());
    if (encodings > 0) candidates->push_back({std::move(codec), encodings});
  }
  return {};
}

}  // namespace

double bound_after(double each, int encodings) { return std::pow(1 + each, encodings) - 1; }

AutoCodec::AutoCodec(const Tolerance& tolerance, std::unique_ptr<Codec> exact, std::vector<Candidate> candidates)
    : tolerance_(tolerance), exact_(std::move(exact)), candidates_(std::move(candidates)) {
  traits_ = exact_->traits();
  traits_.name = "auto";
  traits_.lossless = candidates_.empty();
  traits_.chooses = true;
  traits_.bound_kind = candidates_.empty() ? collBoundNone : collBoundResult;
  traits_.bound_value = candidates_.empty() ? 0 : tolerance.rel;
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
  std::unique_ptr<Codec> exact;
  COLL_TRY(make_codec("none", &exact, isa));
  std::vector<Candidate> candidates;
  COLL_TRY(find_candidates(tolerance, isa, &candidates));
  *codec = std::make_unique<AutoCodec>(tolerance, std::move(exact), std::move(candidates));
  return {};
}

}  // namespace coll::auto_codec
