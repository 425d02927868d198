// How codecs round, as specs say it: rounding=nearest|stochastic and seed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.hpp"
#include "base/status.hpp"

namespace coll {

struct SpecKey;

struct Rounding {
  bool random = false;  // stochastic; else to nearest, ties to even
  uint64_t seed = 0;
};

// What seeded rounding may depend on, besides the element's index.
struct Draw {
  // The rank of a reduced value. Whichever rank encodes it draws the same, and not what contributions have drawn.
  static constexpr int kResult = -1;

  uint64_t call = 0;         // calls made with the handle
  int rank = 0;              // whose contribution it is
  size_t first_element = 0;  // index of the message's first element in the caller's buffer
};

// The random bits of a message's elements from element `begin` on.
inline random::Run draws_of(const Rounding& rounding, const Draw& draw, size_t begin) {
  return {random::stream_of(rounding.seed, draw.call, static_cast<uint64_t>(int64_t{draw.rank})),
          draw.first_element + begin};
}

// Reads the keys `rounding` and `seed`; others are left to the caller.
inline bool is_rounding_key(std::string_view key) { return key == "rounding" || key == "seed"; }
Status read_rounding(std::string_view codec, const SpecKey& key, Rounding* rounding);
// A seed without anything that draws is a mistake; to be asked when all keys have been read.
Status refuse_idle_seed(std::string_view codec, const Rounding& rounding);
// The keys that give this rounding, "" for the default.
std::string keys_of(const Rounding& rounding);
// "name" or "name:keys,keys", of keys that are not "".
std::string spec_of(std::string_view codec, std::string_view keys, std::string_view more);

}  // namespace coll
