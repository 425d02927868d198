// What the fuzz targets share: reading choices off the input, and stopping where a promise is broken.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>

#include "compression/codec.hpp"

#define FUZZ_CHECK(condition)                                                        \
  do {                                                                               \
    if (!(condition)) {                                                              \
      std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                  \
    }                                                                                \
  } while (false)

namespace coll::fuzz {

// Takes values off the front of the input; zeros once it has run out.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(data, size) {}

  uint8_t byte() {
    if (rest_.empty()) return 0;
    const uint8_t value = rest_[0];
    rest_ = rest_.subspan(1);
    return value;
  }
  size_t number(size_t below) { return (byte() | static_cast<size_t>(byte()) << 8) % below; }
  std::span<const uint8_t> rest() const { return rest_; }

 private:
  std::span<const uint8_t> rest_;
};

// A codec of the registry, with one of several blocks and ways of rounding where it has those keys, and an instruction
// set.
inline std::unique_ptr<Codec> any_codec(Input& input) {
  const std::span<const CodecEntry> registry = codec_registry();
  const CodecEntry& entry = registry[input.byte() % registry.size()];
  const uint8_t shape = input.byte();
  std::string spec(entry.name);
  const auto has = [&entry](std::string_view key) { return entry.keys.find(key) != std::string_view::npos; };
  if (has("block")) spec += text(":block=", 32u << (shape % 8));
  if (has("rounding") && shape >= 128) spec += has("block") ? ",rounding=stochastic" : ":rounding=stochastic";
  static const std::vector<Isa> isas = list_isas();
  std::unique_ptr<Codec> codec;
  FUZZ_CHECK(make_codec(spec, &codec, isas[shape / 8 % isas.size()]).ok());
  return codec;
}

}  // namespace coll::fuzz
