#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "report.hpp"
#include "topology/links.hpp"
#include "topology/views.hpp"

namespace coll::inspect {

namespace {

const char* scope_name(Scope scope) { return scope == Scope::kUniform ? "uniform" : "local"; }

const char* source_name(const Setting& setting) { return setting.from_environment ? "environment" : "default"; }

void add_entries(const char* title, const std::vector<Entry>& entries, std::string* all) {
  *all += fmt::format("\n{}\n", title);
  for (const Entry& entry : entries) *all += fmt::format("  {:<24}{}\n", entry.name, entry.text);
}

void add_settings(const std::vector<Setting>& settings, std::string* all) {
  *all += "\nEnvironment variables\n";
  for (const Setting& setting : settings) {
    *all += fmt::format("  {:<24}{:<16}{}\n", setting.variable->name, setting.value.empty() ? "-" : setting.value,
                        source_name(setting));
  }
}

void add_node(const Report& report, std::string* all) {
  const topo::Node& node = report.topology.nodes.front();
  *all += fmt::format("\nThis node\n  {}\n", topo::summary(node));
  for (const topo::Nic& nic : node.nics) *all += fmt::format("  {}\n", topo::describe(nic));
  for (const topo::Gpu& gpu : node.gpus) *all += fmt::format("  {}\n", topo::describe(node, gpu));
}

void add_tuning(const Report& report, std::string* all) {
  const topo::Rates& rates = report.topology.rates;
  *all += fmt::format("\nRates (tuning file: {})\n", report.tuning_file.empty() ? "none" : report.tuning_file);
  for (const auto& [name, cost] : topo::named_links(report.topology)) {
    *all += fmt::format("  {:<24}{:.4g} us, {:.4g} GB/s\n", name, cost.latency_us, cost.bandwidth_gbs);
  }
  *all += fmt::format("  {:<24}copy {:.4g}, kernel copy {:.4g}, reduce {:.4g}, network stack {:.4g} GB/s\n", "core",
                      rates.copy_gbs, rates.kernel_copy_gbs, rates.reduce_gbs, rates.network_cpu_gbs);
  for (const Entry& codec : report.codecs) {
    const topo::CodecRate& rate = rates.codec(codec.name);
    *all += fmt::format("  {:<24}encode {:.4g}, decode {:.4g} GB/s\n", codec.name, rate.encode_gbs, rate.decode_gbs);
  }
}

nlohmann::json tuning_json(const Report& report) {
  const topo::Rates& rates = report.topology.rates;
  nlohmann::json json = {{"file", report.tuning_file},
                         {"copy_gbs", rates.copy_gbs},
                         {"kernel_copy_gbs", rates.kernel_copy_gbs},
                         {"reduce_gbs", rates.reduce_gbs},
                         {"network_cpu_gbs", rates.network_cpu_gbs}};
  for (const auto& [name, cost] : topo::named_links(report.topology)) {
    json["links"][std::string(name)] = {{"latency_us", cost.latency_us}, {"bandwidth_gbs", cost.bandwidth_gbs}};
  }
  for (const Entry& codec : report.codecs) {
    const topo::CodecRate& rate = rates.codec(codec.name);
    json["codecs"][codec.name] = {{"encode_gbs", rate.encode_gbs}, {"decode_gbs", rate.decode_gbs}};
  }
  return json;
}

nlohmann::json entries_json(const std::vector<Entry>& entries, const char* second) {
  nlohmann::json all = nlohmann::json::array();
  for (const Entry& entry : entries) all.push_back({{"name", entry.name}, {second, entry.text}});
  return all;
}

nlohmann::json variables_json(const Report& report) {
  nlohmann::json all = nlohmann::json::array();
  for (const Setting& setting : report.settings) {
    all.push_back({{"name", setting.variable->name},
                   {"value", setting.value},
                   {"source", source_name(setting)},
                   {"default", setting.variable->default_text},
                   {"scope", scope_name(setting.variable->scope)}});
  }
  return all;
}

// A `|` would end a cell of a table.
std::string cell(std::string_view text) {
  std::string all;
  for (const char c : text) {
    if (c == '|') all += '\\';
    all += c;
  }
  return all;
}

}  // namespace

std::string as_text(const Report& report) {
  std::string all = "Versions\n";
  for (const Entry& entry : report.versions) all += fmt::format("  {:<24}{}\n", entry.name, entry.text);
  if (!report.topology.nodes.empty()) add_node(report, &all);
  if (!report.devices.empty()) add_entries("CUDA devices", report.devices, &all);
  add_entries("Codecs (and their keys)", report.codecs, &all);
  add_entries("Algorithms", report.algorithms, &all);
  all += "\nTransports\n";
  for (const std::string& transport : report.transports) all += fmt::format("  {}\n", transport);
  add_tuning(report, &all);
  add_settings(report.settings, &all);
  return all;
}

std::string as_json(const Report& report) {
  nlohmann::json json;
  for (const Entry& entry : report.versions) json["versions"][entry.name] = entry.text;
  json["devices"] = entries_json(report.devices, "facts");
  json["codecs"] = entries_json(report.codecs, "keys");
  json["algorithms"] = entries_json(report.algorithms, "summary");
  json["transports"] = report.transports;
  json["tuning"] = tuning_json(report);
  json["variables"] = variables_json(report);
  json["topology"] = nlohmann::json::parse(topo::to_json(report.topology));
  json["warnings"] = report.warnings;
  json["errors"] = report.errors;
  // Values of variables may be any bytes.
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string env_text(const Report& report) {
  size_t name = 0, value = 0, standard = 0;
  for (const Setting& setting : report.settings) {
    name = std::max(name, setting.variable->name.size());
    value = std::max(value, setting.value.size());
    standard = std::max(standard, setting.variable->default_text.size());
  }
  const auto row = [&](std::string_view a, std::string_view b, std::string_view c, std::string_view d,
                       std::string_view e) {
    return fmt::format("{:<{}}  {:<{}}  {:<{}}  {:<11}  {}\n", a, name, b.empty() ? "-" : b, std::max<size_t>(value, 5),
                       c.empty() ? "-" : c, std::max<size_t>(standard, 7), d, e);
  };
  std::string all = row("variable", "value", "default", "source", "scope");
  for (const Setting& setting : report.settings) {
    const EnvVariable& variable = *setting.variable;
    all += row(variable.name, setting.value, variable.default_text, source_name(setting), scope_name(variable.scope));
  }
  return all;
}

std::string env_json(const Report& report) {
  return variables_json(report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string env_markdown() {
  std::string all =
      "# Environment variables\n"
      "\n"
      "<!-- Made by scripts/gen_env_docs from the list in src/base/env.cpp; a test compares the two. -->\n"
      "\n"
      "Variables fill what a program leaves unset in `collConfig_t`; what the program sets wins. An empty variable "
      "counts as unset.\n"
      "A *uniform* variable must agree on all ranks of a communicator, else its creation fails and names the ranks and "
      "both\n"
      "values; a *local* one may differ. A value that cannot be understood is an error that names the variable. A "
      "`COLL_*`\n"
      "variable that is not listed here is warned about. `coll_info` shows each variable's value and where it came "
      "from.\n"
      "\n"
      "Bytes may be written with K, M or G, powers of 1024. Lists are separated by commas; `^` in front of a list "
      "means all but these.\n"
      "\n"
      "| variable | takes | default | scope | what it does |\n"
      "|---|---|---|---|---|\n";
  for (const EnvVariable& variable : env_registry()) {
    const std::string standard = variable.default_text.empty() ? "" : fmt::format("`{}`", variable.default_text);
    all += fmt::format("| `{}` | {} | {} | {} | {} |\n", variable.name, variable.type, standard,
                       scope_name(variable.scope), cell(variable.help));
  }
  return all;
}

}  // namespace coll::inspect
