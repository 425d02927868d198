#include "compression/rounding.hpp"

#include <charconv>

#include "compression/codec.hpp"

namespace coll {

Status read_rounding(std::string_view codec, const SpecKey& key, Rounding* rounding) {
  if (key.key == "rounding") {
    rounding->random = key.value == "stochastic";
    if (rounding->random || key.value == "nearest") return {};
    return {collInvalidArgument, text("key 'rounding' of codec '", codec, "' is nearest or stochastic")};
  }
  const char* const end = key.value.data() + key.value.size();
  const auto [stop, error] = std::from_chars(key.value.data(), end, rounding->seed);
  if (error == std::errc() && stop == end) return {};
  return {collInvalidArgument, text("key 'seed' of codec '", codec, "' is a number from 0 to 2^64 - 1")};
}

Status refuse_idle_seed(std::string_view codec, const Rounding& rounding) {
  if (rounding.random || rounding.seed == 0) return {};
  return {collInvalidArgument,
          text("key 'seed' of codec '", codec, "' does nothing to rounding=nearest; add rounding=stochastic")};
}

std::string keys_of(const Rounding& rounding) {
  if (!rounding.random) return "";
  return rounding.seed == 0 ? "rounding=stochastic" : text("rounding=stochastic,seed=", rounding.seed);
}

std::string spec_of(std::string_view codec, std::string_view keys, std::string_view more) {
  std::string spec(codec);
  for (const std::string_view some : {keys, more}) {
    if (!some.empty()) spec += text(spec.size() == codec.size() ? ":" : ",", some);
  }
  return spec;
}

}  // namespace coll
