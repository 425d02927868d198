// Every environment variable of libcoll, in one documented, immutable struct. Nothing else reads the environment.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.hpp"

namespace coll {

// The values of one moment. Fields keep the default where the variable is unset or empty.
struct Env {
  std::string codec = "none";
  int timeout_ms = 600000;
  int deterministic = 0;
  int check = 1;
  size_t buffer_bytes = 16u << 20;
  size_t chunk_bytes = 0;         // 0: chosen by the planner
  std::string algo;               // "" allows all
  std::string transport;          // "" allows all
  std::string topo_links;         // overrides of link costs: "shm=0.5us/10GBs,net=25us/1.2GBs"
  std::string topo_switch;        // "" or nodes below a switch and its uplink: "16/40GBs"
  std::string tuning_file;        // "" this machine's own, "none" none
  std::string topo_file;          // "" the node is discovered
  std::string host_id;            // overrides what decides which ranks share a node
  std::string progress = "auto";  // "auto" | "on" | "off"
  int max_ctas = 0;               // of a kernel; 0: as many as it has work for
  size_t staged_bytes = size_t{1024} << 30;
  int p2p = 1;                   // whether ranks of a node read each other's device memory
  int device_direct = 0;         // whether messages to other nodes may lie in device memory
  std::string bootstrap_ifname;  // interface of the unique id's address; "" the first that is not loopback
  std::string debug = "WARN";    // "NONE" | "WARN" | "INFO" | "TRACE"
  std::string debug_subsys = "ALL";
  std::string debug_file;  // "" is stderr

  std::vector<std::string> set;      // names that were set, with their values: "COLL_ALGO=ring"
  std::vector<std::string> unknown;  // COLL_* variables that libcoll does not know
};

enum class Scope { kUniform, kLocal };  // uniform: must agree on all ranks of a communicator

// A variable is listed together with the code that stores and shows it, so that none can be listed and do nothing.
struct EnvVariable {
  std::string_view name;
  Scope scope;
  std::string_view type;          // "spec", "ms", "bytes", "list", ...
  std::string_view default_text;  // as in the documentation; "" where unset means "no restriction"
  std::string_view help;          // one or two sentences for docs/environment.md
  Status (*parse)(std::string_view name, std::string_view value, Env* env);
  std::string (*value)(const Env& env);  // as it applies, in a form that parse() takes
};

// Every variable, in the order of the documentation.
std::span<const EnvVariable> env_registry();

// Reads the process's environment; a value that cannot be understood is collInvalidArgument naming variable and value.
Status read_env(Env* env);

// The same from "NAME=value" entries that end with a null pointer; names without the prefix COLL_ are passed over.
Status parse_env(const char* const* entries, Env* env);

// Where this user keeps what can be made again: $XDG_CACHE_HOME, or ~/.cache; "" where neither is known.
std::string cache_folder();

// Names a user may have meant, for the warning about an unknown variable: "" where none is close.
std::string_view closest_env_name(std::string_view unknown);

// The warning about one entry of Env::unknown.
std::string unknown_env_warning(std::string_view unknown);

// "NAME=value" lines of the uniform variables as they apply, for comparison between ranks.
std::string uniform_text(const Env& env);

}  // namespace coll
