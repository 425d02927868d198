// The table of codecs, and specs: name[:key=value[,key=value]...].
#include <algorithm>
#include <bit>
#include <cctype>

#include "compression/codec.hpp"

// One line per codec: its name, which is also its folder and the prefix of its namespace, and its keys.
#define COLL_CODEC_LIST(X)       \
  X(none, "")                    \
  X(fp16, "rounding,seed")       \
  X(bf16, "rounding,seed")       \
  X(fp8e4m3, "block")            \
  X(fp8e5m2, "block")            \
  X(int8, "block,rounding,seed") \
  X(int6, "block,rounding,seed") \
  X(int4, "block,rounding,seed") \
  X(auto, "rel,abs")

namespace coll {

static_assert(std::endian::native == std::endian::little, "messages are little-endian; encoders store as they compute");

#define COLL_DECLARE(codec_name, keys)                                   \
  namespace codec_name##_codec {                                         \
    Status make(std::span<const SpecKey>, Isa, std::unique_ptr<Codec>*); \
  }
COLL_CODEC_LIST(COLL_DECLARE)
#undef COLL_DECLARE

namespace {

#define COLL_ENTRY(codec_name, keys) {#codec_name, keys, codec_name##_codec::make},
constexpr CodecEntry kCodecs[] = {COLL_CODEC_LIST(COLL_ENTRY)};
#undef COLL_ENTRY

// What a user typed, in quotes, short and printable.
std::string quoted(std::string_view typed) {
  constexpr size_t kLongest = 40;
  std::string shown = "'";
  for (const char c : typed.substr(0, kLongest)) shown += std::isprint(static_cast<unsigned char>(c)) ? c : '?';
  return shown + (typed.size() > kLongest ? "...'" : "'");
}

std::string names() {
  std::string all;
  for (const CodecEntry& entry : kCodecs) all += text(all.empty() ? "" : ", ", entry.name);
  return all;
}

bool has_key(const CodecEntry& entry, std::string_view key) {
  for (std::string_view rest = entry.keys; !rest.empty();) {
    const size_t comma = std::min(rest.find(','), rest.size());
    if (rest.substr(0, comma) == key) return true;
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return false;
}

Status add_key(const CodecEntry& entry, std::string_view setting, std::vector<SpecKey>* keys) {
  const size_t equals = setting.find('=');
  const std::string_view key = setting.substr(0, equals);
  if (entry.keys.empty()) {
    return Status(collInvalidArgument, text("codec '", entry.name, "' takes no keys, but got ", quoted(setting)));
  }
  if (!has_key(entry, key)) {
    return Status(collInvalidArgument,
                  text("codec '", entry.name, "' has no key ", quoted(key), "; valid: ", entry.keys));
  }
  if (equals == std::string_view::npos || equals + 1 == setting.size()) {
    return Status(collInvalidArgument,
                  text("key '", key, "' of codec '", entry.name, "' needs a value: ", key, "=..."));
  }
  for (const SpecKey& earlier : *keys) {
    if (earlier.key == key) {
      return Status(collInvalidArgument, text("key '", key, "' of codec '", entry.name, "' is given twice"));
    }
  }
  keys->push_back({std::string(key), std::string(setting.substr(equals + 1))});
  return {};
}

Status split_keys(const CodecEntry& entry, std::string_view settings, std::vector<SpecKey>* keys) {
  while (true) {
    const size_t comma = settings.find(',');
    COLL_TRY(add_key(entry, settings.substr(0, comma), keys));
    if (comma == std::string_view::npos) return {};
    settings.remove_prefix(comma + 1);
  }
}

}  // namespace

std::span<const CodecEntry> codec_registry() { return kCodecs; }

Status make_codec(std::string_view spec, std::unique_ptr<Codec>* codec, Isa isa) {
  const size_t colon = spec.find(':');
  const std::string_view codec_name = spec.substr(0, colon);
  const auto entry = std::find_if(std::begin(kCodecs), std::end(kCodecs),
                                  [codec_name](const CodecEntry& candidate) { return candidate.name == codec_name; });
  if (entry == std::end(kCodecs)) {
    return Status(collInvalidArgument, text("unknown codec ", quoted(codec_name), "; valid: ", names()));
  }
  std::vector<SpecKey> keys;
  if (colon != std::string_view::npos) COLL_TRY(split_keys(*entry, spec.substr(colon + 1), &keys));
  return entry->make(keys, isa, codec);
}

}  // namespace coll
