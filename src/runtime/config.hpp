// The settings of one communicator, once the program's choices, the environment and the defaults have been merged.
#pragma once

#include <string>

#include "base/env.hpp"
#include "base/status.hpp"

namespace coll {

struct Config {
  std::string codec;
  int timeout_ms;
  bool deterministic;
  int check;
  size_t buffer_bytes;
  Env env;

  // Whether messages to other nodes are to lie in device memory. What a checksum is of, the host has to see.
  bool wants_direct() const { return env.device_direct == 1 && check != 2; }
  // Lines of everything that must agree on all ranks, "NAME=value\n".
  std::string uniform_lines() const;
};

// `given` may be NULL. A field the program set wins over its variable; values out of range are collInvalidArgument.
Status resolve_config(const collConfig_t* given, Config* config);
// The same for a part of a communicator: what the program leaves unset is as in `parent`.
Status resolve_config(const collConfig_t* given, const Config& parent, Config* config);

}  // namespace coll
