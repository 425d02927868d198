#include <nlohmann/json.hpp>

#include "../tools/numbers.hpp"
#include "report.hpp"

namespace coll::plan_tool {

namespace {

using Json = nlohmann::ordered_json;

Json link_json(const topo::LinkCost& link) {
  return {{"latency_us", link.latency_us}, {"bandwidth_gbs", link.bandwidth_gbs}};
}

Json cluster_json(const topo::Topology& topology) {
  Json links;
  for (size_t kind = 0; kind < topology.links.size(); ++kind) {
    links[std::string(topo::kLinkNames[kind])] = link_json(topology.links[kind]);
  }
  Json json = {{"nodes", topology.nodes.size()}, {"ranks", topology.nranks}, {"links", std::move(links)}};
  if (topology.switches.nodes > 0) {
    json["switches"] = {{"nodes", topology.switches.nodes}, {"uplink_gbs", topology.switches.uplink_gbs}};
  }
  if (topology.on_devices()) {
    json["memory"] = "device";
    Json gpus = Json::array();  // of a node's ranks
    for (const int rank : topology.nodes.front().ranks) gpus.push_back(topology.gpu_of[static_cast<size_t>(rank)]);
    json["gpu_of_rank"] = std::move(gpus);
  }
  return json;
}

// As in collectives/cost.hpp.
Json device_json(const DeviceCost& cost) {
  return {{"steps_us", cost.steps_us},
          {"memory_us", cost.memory_us},
          {"nvlink_us", cost.nvlink_us},
          {"pcie_us", cost.pcie_us},
          {"staging_us", cost.staging_us}};
}

Json cost_json(const Cost& cost) {
  Json work;
  for (size_t kind = 0; kind < kWorkNames.size(); ++kind) work[std::string(kWorkNames[kind])] = cost.by_kind[kind];
  return {{"chunks", cost.chunks},      {"first_us", cost.first_us},     {"next_us", cost.next_us},
          {"relays", cost.relays},      {"latency_us", cost.latency_us}, {"message_us", cost.message_us},
          {"work_us", std::move(work)}, {"link_us", cost.link_us},       {"uplink_us", cost.uplink_us},
          {"parts_us", cost.parts_us},  {"memory_us", cost.held_us}};
}

Json entry_json(const Entry& entry, const Codec& asked, bool on_devices) {
  Json options = Json::array();
  for (const Option& option : entry.options) {
    options.push_back(
        {{"algorithm", option.algorithm}, {"predicted_us", option.cost.us}, {"of_a_chunk", cost_json(option.cost)}});
    if (on_devices) options.back()["device"] = device_json(option.cost.device);
  }
  Json json = {{"codec", asked.spec()}};
  if (entry.taken >= 0) {
    json["chosen_codec"] = entry.codec;
    json["algorithm"] = entry.choice().algorithm;
    json["predicted_us"] = entry.choice().cost.us;
  }
  json["algorithms"] = std::move(options);
  return json;
}

}  // namespace

std::string as_json(const Report& report) {
  const Question& question = report.question;
  Json sizes = Json::array();
  for (const Line& line : report.lines) {
    Json codecs = Json::array();
    for (size_t i = 0; i < line.entries.size(); ++i) {
      codecs.push_back(entry_json(line.entries[i], *question.codecs[i], report.cluster.topology.on_devices()));
    }
    sizes.push_back({{"size_bytes", line.size_bytes}, {"count", line.count}, {"codecs", std::move(codecs)}});
  }
  const Json json = {{"tool", "coll_plan"},
                     {"func", func_names()[question.func]},
                     {"type", perf::facts(question.type).name},
                     {"op", perf::all_ops()[question.op]},
                     {"root", question.root},
                     {"deterministic", question.deterministic},
                     {"cluster", cluster_json(report.cluster.topology)},
                     {"sizes", std::move(sizes)}};
  return json.dump(2) + "\n";
}

}  // namespace coll::plan_tool
