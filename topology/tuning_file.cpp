#include "topology/tuning_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/env.hpp"
#include "base/simd.hpp"
#include "topology/exchange.hpp"

namespace coll::topo {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kMeasureAgain = "; measure again with coll_tune";
constexpr size_t kMostBytes = 1 << 20;

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  std::string part;
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    if (line.starts_with("model name")) return line.substr(colon + 2);
    if (line.starts_with("CPU implementer") || line.starts_with("CPU part")) part += line.substr(colon + 2) + " ";
    if (line.starts_with("CPU part")) break;  // ARM has numbers in place of a name
  }
  return part.empty() ? "unknown" : part.substr(0, part.size() - 1);
}

Status wrong(const std::string& why) { return {collInvalidArgument, why}; }

Status read_rate(const Json& object, const char* key, double* rate) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return wrong(text("it has no number ", key));
  const double value = found->get<double>();
  if (!std::isfinite(value) || value <= 0) return wrong(text(key, " is not above 0"));
  *rate = value;
  return {};
}

Status read_links(const Json& json, LinkOverrides* links) {
  const Json all = json.value("links", Json());
  if (!all.is_object()) return wrong("it has no links");
  for (size_t kind = 0; kind < links->size(); ++kind) {
    const auto found = all.find(std::string(kLinkNames[kind]));
    if (found == all.end()) continue;  // could not be measured: on one node there is no network
    if (!found->is_object()) return wrong("a link is no object");
    LinkCost cost{};
    COLL_TRY(read_rate(*found, "latency_us", &cost.latency_us));
    COLL_TRY(read_rate(*found, "bandwidth_gbs", &cost.bandwidth_gbs));
    (*links)[kind] = cost;
  }
  return {};
}

Status read_rates(const Json& json, Rates* rates) {
  const Json core = json.value("core", Json());
  if (!core.is_object()) return wrong("it has no core");
  COLL_TRY(read_rate(core, "reduce_gbs", &rates->reduce_gbs));
  COLL_TRY(read_rate(core, "copy_gbs", &rates->copy_gbs));
  COLL_TRY(read_rate(core, "kernel_copy_gbs", &rates->kernel_copy_gbs));
  COLL_TRY(read_rate(core, "network_cpu_gbs", &rates->network_cpu_gbs));
  const Json codecs = json.value("codecs", Json());
  if (!codecs.is_object()) return wrong("it has no codecs");
  for (const auto& [name, each] : codecs.items()) {
    if (!each.is_object()) return wrong("a codec is no object");
    double encode_gbs = 0;
    double decode_gbs = 0;
    COLL_TRY(read_rate(each, "encode_gbs", &encode_gbs));
    COLL_TRY(read_rate(each, "decode_gbs", &decode_gbs));
    if (!rates->set_codec(name, encode_gbs, decode_gbs))
      return wrong("it has too many codecs, or one with a long name");
  }
  return {};
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

int count_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<int>() : 0;
}

std::string system_error() { return std::strerror(errno); }

Status write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return {collSystemError, system_error()};
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return ::fsync(fd) == 0 ? Status() : Status(collSystemError, system_error());
}

// A file of this machine and version, or why it is not.
Status check_machine(const TuningFile& file) {
  const MachineId own = this_machine();
  if (file.machine.cpu == own.cpu && file.machine.isa == own.isa) return {};
  return wrong(text("it was measured on ", file.machine.cpu, " with ", file.machine.isa, ", but this is ", own.cpu,
                    " with ", own.isa));
}

}  // namespace

MachineId this_machine() {
  return {text(COLL_MAJOR, ".", COLL_MINOR, ".", COLL_PATCH), cpu_model(), std::string(name(best_isa()))};
}

std::string tuning_json(const TuningFile& file) {
  Json json = {
      {"format", kTuningFormat},
      {"libcoll", file.machine.libcoll},
      {"machine", {{"cpu", file.machine.cpu}, {"isa", file.machine.isa}}},
      {"measured", {{"host", file.host}, {"time", file.measured}, {"nodes", file.nodes}, {"ranks", file.ranks}}},
      {"links", Json::object()},
      {"core",
       {{"reduce_gbs", file.rates.reduce_gbs},
        {"copy_gbs", file.rates.copy_gbs},
        {"kernel_copy_gbs", file.rates.kernel_copy_gbs},
        {"network_cpu_gbs", file.rates.network_cpu_gbs}}},
      {"codecs", Json::object()}};
  for (size_t kind = 0; kind < file.links.size(); ++kind) {
    if (!file.links[kind]) continue;
    json["links"][std::string(kLinkNames[kind])] = {{"latency_us", file.links[kind]->latency_us},
                                                    {"bandwidth_gbs", file.links[kind]->bandwidth_gbs}};
  }
  for (const CodecRate& rate : file.rates.codecs) {
    if (rate.name[0] == '\0') break;
    json["codecs"][rate.name] = {{"encode_gbs", rate.encode_gbs}, {"decode_gbs", rate.decode_gbs}};
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Status parse_tuning(std::string_view text_of_file, TuningFile* file) {
  const Json json = Json::parse(text_of_file, nullptr, false);
  if (!json.is_object()) return wrong("it is no JSON object");
  if (const int format = count_of(json, "format"); format != kTuningFormat) {
    return wrong(text("its format is ", format, ", not ", kTuningFormat));
  }
  TuningFile read;
  read.machine.libcoll = text_of(json, "libcoll");
  if (const std::string own = this_machine().libcoll; read.machine.libcoll != own) {
    return wrong(text("it is of libcoll ", read.machine.libcoll, ", not ", own));
  }
  const Json machine = json.value("machine", Json::object());
  const Json measured = json.value("measured", Json::object());
  if (!machine.is_object() || !measured.is_object()) return wrong("it does not say where it was measured");
  read.machine.cpu = text_of(machine, "cpu");
  read.machine.isa = text_of(machine, "isa");
  read.host = text_of(measured, "host");
  read.measured = text_of(measured, "time");
  read.nodes = count_of(measured, "nodes");
  read.ranks = count_of(measured, "ranks");
  COLL_TRY(read_links(json, &read.links));
  COLL_TRY(read_rates(json, &read.rates));
  *file = std::move(read);
  return {};
}

std::string tuning_path(const MachineId& machine) {
  const std::string folder = cache_folder();
  if (folder.empty()) return "";
  const Key key = hash_key(text(kTuningFormat, "\n", machine.libcoll, "\n", machine.cpu, "\n", machine.isa));
  std::ostringstream name;
  name << folder << "/coll/tuning-" << std::hex << key[0] << ".json";
  return name.str();
}

Status read_tuning(const std::string& path, TuningFile* file) {
  std::ifstream stream(path, std::ios::binary);
  std::string content(kMostBytes, '\0');
  if (stream) stream.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (!stream && !stream.eof()) return wrong(text("cannot read the tuning file ", path, ": ", system_error()));
  content.resize(static_cast<size_t>(stream.gcount()));
  const Status parsed = parse_tuning(content, file);
  return parsed.ok() ? parsed : wrong(text("the tuning file ", path, " cannot be used: ", parsed.message()));
}

Status write_tuning(const std::string& path, const TuningFile& file) {
  const std::filesystem::path target(path);
  std::error_code error;
  if (target.has_parent_path()) std::filesystem::create_directories(target.parent_path(), error);
  if (error) return {collSystemError, text("cannot make the folder of ", path, ": ", error.message())};
  std::string beside = path + ".XXXXXX";
  const int fd = ::mkostemp(beside.data(), O_CLOEXEC);
  if (fd < 0) return {collSystemError, text("cannot write beside ", path, ": ", system_error())};
  Status status = write_all(fd, tuning_json(file));
  if (status.ok() && ::fchmod(fd, 0644) != 0) status = {collSystemError, system_error()};
  ::close(fd);
  if (status.ok() && ::rename(beside.c_str(), path.c_str()) != 0) status = {collSystemError, system_error()};
  if (status.ok()) return {};
  ::unlink(beside.c_str());
  return {collSystemError, text("cannot write ", path, ": ", status.message())};
}

void load_tuning(const std::string& choice, Tuning* tuning, std::string* path, std::string* warning) {
  path->clear();
  warning->clear();
  if (choice == "none") return;
  const bool named = !choice.empty();
  const std::string where = named ? choice : tuning_path(this_machine());
  if (where.empty() || (!named && ::access(where.c_str(), F_OK) != 0)) return;
  TuningFile file;
  Status status = read_tuning(where, &file);
  // A file that was named may be of a machine like this one.
  if (status.ok() && !named) {
    const Status own = check_machine(file);
    if (!own.ok()) status = wrong(text("the tuning file ", where, " cannot be used: ", own.message()));
  }
  if (status.ok()) {
    tuning->measured = file.links;
    tuning->rates = file.rates;
    *path = where;
  } else if (named) {
    tuning->refused = text("COLL_TUNING_FILE: ", status.message(), kMeasureAgain, ", or set COLL_TUNING_FILE=none");
  } else {
    *warning = text(status.message(), kMeasureAgain, ". It is ignored");
  }
}

}  // namespace coll::topo
