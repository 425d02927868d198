#include "runtime/config.hpp"

#include <cstddef>
#include <cstring>

namespace coll {

namespace {

// A program built against an older header has a shorter struct: what it lacks stays unset.
collConfig_t widen(const collConfig_t* given) {
  collConfig_t whole = COLL_CONFIG_INITIALIZER;
  if (given != nullptr) std::memcpy(&whole, given, std::min(given->size, sizeof(whole)));
  return whole;
}

Status in_range(std::string_view field, int value, int least, int most) {
  if (value >= least && value <= most) return {};
  return {collInvalidArgument,
          text("collConfig_t.", std::string(field), " is ", value, "; it must be ", least, " to ", most)};
}

}  // namespace

Status resolve_config(const collConfig_t* given, Config* config) {
  Config from_env{};
  COLL_TRY(read_env(&from_env.env));
  const Env& env = from_env.env;
  from_env.codec = env.codec;
  from_env.timeout_ms = env.timeout_ms;
  from_env.deterministic = env.deterministic != 0;
  from_env.check = env.check;
  from_env.buffer_bytes = env.buffer_bytes;
  return resolve_config(given, from_env, config);
}

Status resolve_config(const collConfig_t* given, const Config& parent, Config* config) {
  if (given != nullptr && given->size < offsetof(collConfig_t, codec) + sizeof(given->codec)) {
    return {collInvalidArgument, "collConfig_t.size is too small; start from COLL_CONFIG_INITIALIZER"};
  }
  config->env = parent.env;
  const collConfig_t whole = widen(given);
  const auto pick = [](int chosen, int otherwise) { return chosen == COLL_UNSET ? otherwise : chosen; };
  const int deterministic = pick(whole.deterministic, parent.deterministic ? 1 : 0);
  config->codec = whole.codec != nullptr ? whole.codec : parent.codec;
  config->timeout_ms = pick(whole.timeout_ms, parent.timeout_ms);
  config->check = pick(whole.check, parent.check);
  config->buffer_bytes = whole.buffer_bytes != 0 ? whole.buffer_bytes : parent.buffer_bytes;
  COLL_TRY(in_range("timeout_ms", config->timeout_ms, 1, 2147483647));
  COLL_TRY(in_range("deterministic", deterministic, 0, 1));
  COLL_TRY(in_range("check", config->check, 0, 2));
  config->deterministic = deterministic != 0;
  return {};
}

std::string Config::uniform_lines() const {
  return text(uniform_text(env), "collConfig_t.codec=", codec, "\ncollConfig_t.timeout_ms=", timeout_ms,
              "\ncollConfig_t.deterministic=", deterministic ? 1 : 0, "\ncollConfig_t.check=", check,
              "\ncollConfig_t.buffer_bytes=", buffer_bytes, "\n");
}

}  // namespace coll
