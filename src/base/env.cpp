#include "base/env.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <limits>

#include "base/log.hpp"

extern char** environ;

namespace coll {

namespace {

constexpr std::string_view kPrefix = "COLL_";

Status bad_value(std::string_view name, std::string_view value, std::string_view expected) {
  return {collInvalidArgument, text(name, "=", value, ": must be ", expected)};
}

bool whole_number(std::string_view digits, size_t* number) {
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), *number);
  return error == std::errc() && end == digits.data() + digits.size();
}

// "65536", "64K", "16M", "1G"; K, M and G are powers of 1024.
bool byte_count(std::string_view value, size_t* bytes) {
  constexpr std::string_view kUnits = "KMG";
  int shift = 0;
  if (!value.empty()) {
    const char unit = static_cast<char>(std::toupper(static_cast<unsigned char>(value.back())));
    if (const size_t at = kUnits.find(unit); at != std::string_view::npos) {
      shift = 10 * (static_cast<int>(at) + 1);
      value.remove_suffix(1);
    }
  }
  size_t number = 0;
  if (!whole_number(value, &number) || number > (std::numeric_limits<size_t>::max() >> shift)) return false;
  *bytes = number << shift;
  return true;
}

std::string byte_text(size_t bytes) {
  for (int unit = 2; unit >= 0 && bytes != 0; --unit) {
    const int shift = 10 * (unit + 1);
    if ((bytes >> shift) << shift == bytes) return text(bytes >> shift, std::string(1, "KMG"[unit]));
  }
  return text(bytes);
}

template <std::string Env::*field>
Status parse_text(std::string_view, std::string_view value, Env* env) {
  env->*field = value;
  return {};
}

template <std::string Env::*field>
std::string show_text(const Env& env) {
  return env.*field;
}

template <int Env::*field, int least, int most>
Status parse_int(std::string_view name, std::string_view value, Env* env) {
  size_t number = 0;
  if (!whole_number(value, &number) || number < static_cast<size_t>(least) || number > static_cast<size_t>(most)) {
    if (most - least == 1) return bad_value(name, value, text(least, " or ", most));
    if (most - least == 2) return bad_value(name, value, text(least, ", ", least + 1, " or ", most));
    return bad_value(name, value, text("a whole number from ", least, " to ", most));
  }
  env->*field = static_cast<int>(number);
  return {};
}

template <int Env::*field>
std::string show_int(const Env& env) {
  return text(env.*field);
}

template <size_t Env::*field, size_t least>
Status parse_bytes(std::string_view name, std::string_view value, Env* env) {
  size_t bytes = 0;
  const bool may_be_0 = field == &Env::chunk_bytes || field == &Env::staged_bytes;
  if (!byte_count(value, &bytes) || (bytes < least && (bytes != 0 || !may_be_0))) {
    return bad_value(name, value, text("a number of bytes such as 65536, 64K, 16M or 1G, at least ", least));
  }
  env->*field = bytes;
  return {};
}

template <size_t Env::*field>
std::string show_bytes(const Env& env) {
  return byte_text(env.*field);
}

Status parse_debug(std::string_view name, std::string_view value, Env* env) {
  LogLevel level;
  if (!parse_log_level(value, &level)) return bad_value(name, value, "NONE, WARN, INFO or TRACE");
  env->debug = log_level_name(level);
  return {};
}

Status parse_debug_subsys(std::string_view name, std::string_view value, Env* env) {
  uint32_t mask = 0;
  if (!parse_log_subsystems(value, &mask)) {
    return bad_value(name, value, text("a list of ", log_subsystem_list(), " or ALL, with ^ in front to exclude"));
  }
  env->debug_subsys = value;
  return {};
}

Status parse_progress(std::string_view name, std::string_view value, Env* env) {
  if (value != "auto" && value != "on" && value != "off") return bad_value(name, value, "auto, on or off");
  env->progress = value;
  return {};
}

constexpr int kMostMs = std::numeric_limits<int>::max();

constexpr EnvVariable kRegistry[] = {
    {"COLL_CODEC", Scope::kUniform, "spec", "none",
     "Codec of the plain calls, as `name[:key=value,...]`. Calls that it does not fit stay exact.",
     parse_text<&Env::codec>, show_text<&Env::codec>},
    {"COLL_TIMEOUT_MS", Scope::kUniform, "milliseconds", "600000",
     "How long a call waits for its peers before it returns `collTimeout`.", parse_int<&Env::timeout_ms, 1, kMostMs>,
     show_int<&Env::timeout_ms>},
    {"COLL_DETERMINISTIC", Scope::kUniform, "0 or 1", "0",
     "1: the bits of a result depend on the inputs and the number of ranks alone, not on size, chunking, algorithm or "
     "placement.",
     parse_int<&Env::deterministic, 0, 1>, show_int<&Env::deterministic>},
    {"COLL_CHECK", Scope::kUniform, "0, 1 or 2", "1",
     "Whether ranks compare the arguments of their calls: 0 never, 1 in the first calls of a communicator, 2 in every "
     "call, with checksums of what is sent.",
     parse_int<&Env::check, 0, 2>, show_int<&Env::check>},
    {"COLL_BUFFSIZE", Scope::kUniform, "bytes", "16M",
     "Staging memory that one communicator may use; very long calls that are planned for devices may take more.",
     parse_bytes<&Env::buffer_bytes, 4096>, show_bytes<&Env::buffer_bytes>},
    {"COLL_CHUNK_BYTES", Scope::kUniform, "bytes", "0",
     "Size of the chunks that a message is cut into for pipelining; 0 lets the planner choose.",
     parse_bytes<&Env::chunk_bytes, 64>, show_bytes<&Env::chunk_bytes>},
    {"COLL_ALGO", Scope::kUniform, "list", "", "Algorithms that may be used, by name; `^` in front excludes.",
     parse_text<&Env::algo>, show_text<&Env::algo>},
    {"COLL_TRANSPORT", Scope::kUniform, "list", "",
     "Transports that may be used, of `shm`, `ucx`, `mpi`; `^` in front excludes. Between nodes `ucx` is preferred to "
     "`mpi` where it works on all ranks.",
     parse_text<&Env::transport>, show_text<&Env::transport>},
    {"COLL_LINKS", Scope::kLocal, "list", "",
     "Latency and bandwidth of the links, for the choice of algorithms: `net=50us/0.12GBs,shm=1us/8GBs`; any of `net`, "
     "`shm`, `numa` (what leads out of a NUMA node inside its package) and `package` (out of a package). Rank 0's "
     "value "
     "counts for all.",
     parse_text<&Env::topo_links>, show_text<&Env::topo_links>},
    {"COLL_SWITCH", Scope::kLocal, "text", "",
     "Nodes below one network switch, and the rate of its uplink in one direction, which they share: `16/40GBs`. Nodes "
     "count in the order of their lowest ranks. Unset: any two nodes reach one another at their links' rate. Rank 0's "
     "value counts for all.",
     parse_text<&Env::topo_switch>, show_text<&Env::topo_switch>},
    {"COLL_TUNING_FILE", Scope::kLocal, "path", "",
     "File of rates that `coll_tune` measured, for the choice of algorithms and of `auto`'s codecs; unset: this "
     "machine's own in the user's cache folder, where there is one; `none`: none. Rank 0's file counts for all.",
     parse_text<&Env::tuning_file>, show_text<&Env::tuning_file>},
    {"COLL_TOPO_FILE", Scope::kLocal, "path", "",
     "File that describes the node, as hwloc's XML, in place of what the library would find out; the first rank of a "
     "node reads it for all of them. `coll_info --xml` and `lstopo` write such files.",
     parse_text<&Env::topo_file>, show_text<&Env::topo_file>},
    {"COLL_HOST_ID", Scope::kLocal, "text", "",
     "Ranks with the same text count as one node, in place of what the library found out. Ranks that are told apart do "
     "not share memory.",
     parse_text<&Env::host_id>, show_text<&Env::host_id>},
    {"COLL_PROGRESS", Scope::kLocal, "mode", "auto",
     "Whether a thread of the library moves host streams on while the program computes: `auto` where the machine has a "
     "hardware thread that no rank needs, `on` everywhere, `off` nowhere. Calls on device buffers need it, and have it "
     "with `auto`, too. Communicators that use MPI for messages are "
     "left to the program's own threads unless MPI was initialised with `MPI_THREAD_MULTIPLE`.",
     parse_progress, show_text<&Env::progress>},
    {"COLL_MAX_CTAS", Scope::kLocal, "number", "0",
     "Most blocks of threads that one kernel of a collective takes, so that the program's own kernels keep their share "
     "of the device; 0: as many as it has work for.",
     parse_int<&Env::max_ctas, 0, 65535>, show_int<&Env::max_ctas>},
    {"COLL_STAGED_BYTES", Scope::kLocal, "bytes", "1024G",
     "Calls on device buffers of at most so many bytes are copied to pinned memory and run on the host; longer ones "
     "run on the device, as kernels. The largest value of all ranks says from where on plans are made for devices. By "
     "default all are staged: see docs/gpu.md.",
     parse_bytes<&Env::staged_bytes, 1>, show_bytes<&Env::staged_bytes>},
    {"COLL_P2P", Scope::kLocal, "0 or 1", "1",
     "Whether kernels of this rank and of others on its node read messages in the memory of the device that made them; "
     "0: messages go by pinned memory.",
     parse_int<&Env::p2p, 0, 1>, show_int<&Env::p2p>},
    {"COLL_DEVICE_DIRECT", Scope::kLocal, "0 or 1", "0",
     "1: messages between this rank's kernels and ranks of other nodes lie in device memory, where UCX says that it is "
     "CUDA-aware; else they go by pinned memory. For networks with GPUDirect RDMA: elsewhere UCX calls the "
     "driver while it moves messages, and a program that waits inside the driver may then wait forever "
     "(docs/gpu.md).",
     parse_int<&Env::device_direct, 0, 1>, show_int<&Env::device_direct>},
    {"COLL_BOOTSTRAP_IFNAME", Scope::kLocal, "interface", "",
     "Network interface whose address `collGetUniqueId` puts into the id.", parse_text<&Env::bootstrap_ifname>,
     show_text<&Env::bootstrap_ifname>},
    {"COLL_DEBUG", Scope::kLocal, "level", "WARN",
     "What is logged: `NONE`, `WARN`, `INFO` (what was found and chosen) or `TRACE` (every call).", parse_debug,
     show_text<&Env::debug>},
    {"COLL_DEBUG_SUBSYS", Scope::kLocal, "list", "ALL",
     "Parts of the library that `INFO` and `TRACE` speak about: `INIT`, `TOPO`, `PLAN`, `TRANSPORT`, `CODEC`, `ENV`, "
     "`ALL`; "
     "`^` in front excludes.",
     parse_debug_subsys, show_text<&Env::debug_subsys>},
    {"COLL_DEBUG_FILE", Scope::kLocal, "path", "",
     "File that the log is appended to, in place of stderr; `%h` is the host, `%p` the process, `%r` the rank.",
     parse_text<&Env::debug_file>, show_text<&Env::debug_file>},
};

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t substitute = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substitute, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

Status parse_entry(std::string_view entry, Env* env) {
  if (!entry.starts_with(kPrefix)) return {};
  const size_t equals = entry.find('=');
  if (equals == std::string_view::npos) return {};
  const std::string_view name = entry.substr(0, equals);
  const std::string_view value = entry.substr(equals + 1);
  for (const EnvVariable& variable : kRegistry) {
    if (variable.name != name) continue;
    if (value.empty()) return {};
    env->set.emplace_back(entry);
    return variable.parse(name, value, env);
  }
  env->unknown.emplace_back(name);
  return {};
}

}  // namespace

std::span<const EnvVariable> env_registry() { return kRegistry; }

Status parse_env(const char* const* entries, Env* env) {
  *env = Env();
  for (; *entries != nullptr; ++entries) COLL_TRY(parse_entry(*entries, env));
  std::sort(env->set.begin(), env->set.end());
  std::sort(env->unknown.begin(), env->unknown.end());
  return {};
}

Status read_env(Env* env) {
  const char* const none = nullptr;
  return parse_env(environ != nullptr ? environ : &none, env);
}

std::string cache_folder() {
  const auto folder = [](const char* name, const char* below) {
    const char* const value = std::getenv(name);
    return value != nullptr && *value == '/' ? text(value, below) : std::string();  // others are to be ignored
  };
  const std::string chosen = folder("XDG_CACHE_HOME", "");
  return chosen.empty() ? folder("HOME", "/.cache") : chosen;
}

std::string_view closest_env_name(std::string_view unknown) {
  constexpr size_t kFarthest = 3;
  std::string_view best;
  size_t best_distance = kFarthest + 1;
  for (const EnvVariable& variable : kRegistry) {
    const size_t distance = edit_distance(unknown, variable.name);
    if (distance >= best_distance || distance * 2 > variable.name.size() - kPrefix.size()) continue;
    best = variable.name;
    best_distance = distance;
  }
  return best;
}

std::string unknown_env_warning(std::string_view unknown) {
  const std::string_view meant = closest_env_name(unknown);
  if (meant.empty()) return text(unknown, " is set but libcoll knows no such variable; coll_info lists them");
  return text(unknown, " is set but libcoll knows no such variable; did you mean ", meant, "?");
}

std::string uniform_text(const Env& env) {
  std::string lines;
  for (const EnvVariable& variable : kRegistry) {
    if (variable.scope == Scope::kUniform) lines += text(variable.name, "=", variable.value(env), "\n");
  }
  return lines;
}

}  // namespace coll
