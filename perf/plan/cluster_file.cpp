// The description of a cluster as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "cluster.hpp"

namespace coll::plan_tool {

namespace {

using Json = nlohmann::json;

// One key: its name, what it takes in words, and how it is read; false where the value is of another kind.
struct Key {
  const char* name;
  const char* takes;
  bool (*read)(const Json& value, Description* d);
};

bool read_int(const Json& value, std::optional<int>* to) {
  if (!value.is_number_integer() || value < 0 || value > std::numeric_limits<int>::max()) return false;
  *to = value.get<int>();
  return true;
}
bool read_number(const Json& value, std::optional<double>* to) {
  if (!value.is_number()) return false;
  *to = value.get<double>();
  return true;
}
bool read_text(const Json& value, std::optional<std::string>* to) {
  if (!value.is_string()) return false;
  *to = value.get<std::string>();
  return true;
}
bool read_bool(const Json& value, std::optional<bool>* to) {
  if (!value.is_boolean()) return false;
  *to = value.get<bool>();
  return true;
}

constexpr Key kKeys[] = {
    {"nodes", "a whole number", [](const Json& v, Description* d) { return read_int(v, &d->nodes); }},
    {"ranks_per_node", "a whole number", [](const Json& v, Description* d) { return read_int(v, &d->ranks_per_node); }},
    {"machine", "a text", [](const Json& v, Description* d) { return read_text(v, &d->machine); }},
    {"tuning", "a text", [](const Json& v, Description* d) { return read_text(v, &d->tuning); }},
    {"nics", "a whole number", [](const Json& v, Description* d) { return read_int(v, &d->nics); }},
    {"gbits", "a number", [](const Json& v, Description* d) { return read_number(v, &d->gbits); }},
    {"latency_us", "a number", [](const Json& v, Description* d) { return read_number(v, &d->latency_us); }},
    {"nodes_per_switch", "a whole number",
     [](const Json& v, Description* d) { return read_int(v, &d->nodes_per_switch); }},
    {"oversubscription", "a number",
     [](const Json& v, Description* d) { return read_number(v, &d->oversubscription); }},
    {"memory", "a text", [](const Json& v, Description* d) { return read_text(v, &d->memory); }},
    {"ranks_per_gpu", "a whole number", [](const Json& v, Description* d) { return read_int(v, &d->ranks_per_gpu); }},
    {"one_machine", "true or false", [](const Json& v, Description* d) { return read_bool(v, &d->one_machine); }},
};

std::string key_names() {
  std::string names;
  for (const Key& key : kKeys) names += fmt::format("{}{}", names.empty() ? "" : ", ", key.name);
  return names;
}

// Files that a description names lie beside it.
void resolve(const std::string& path, std::optional<std::string>* file) {
  const auto folder = std::filesystem::path(path).parent_path();
  if (*file) *file = (folder / **file).string();
}

}  // namespace

Status read_cluster_file(const std::string& path, Description* description) {
  const auto bad = [&path](const std::string& why) {
    return Status(collInvalidArgument, fmt::format("{}: {}", path, why));
  };
  std::ifstream file(path);
  if (!file) return bad(fmt::format("cannot be opened: {}", std::strerror(errno)));
  Json json;
  try {
    json = Json::parse(file);
  } catch (const Json::parse_error& error) {
    return bad(fmt::format("is no JSON: {}", error.what()));
  }
  if (!json.is_object()) return bad("must be one object, as in {\"nodes\": 64, \"ranks_per_node\": 8}");
  *description = {};
  for (const auto& [name, value] : json.items()) {
    const auto* const key =
        std::find_if(std::begin(kKeys), std::end(kKeys), [&name = name](const Key& one) { return name == one.name; });
    if (key == std::end(kKeys)) return bad(fmt::format("there is no key \"{}\"; there are {}", name, key_names()));
    if (!key->read(value, description)) {
      return bad(fmt::format("\"{}\" takes {}, not {}", name, key->takes, value.dump()));
    }
  }
  const auto& machine = description->machine;
  if (machine && (machine->ends_with(".xml") || machine->find('/') != std::string::npos)) {
    resolve(path, &description->machine);
  }
  if (description->tuning && *description->tuning != "none") resolve(path, &description->tuning);
  return {};
}

}  // namespace coll::plan_tool
