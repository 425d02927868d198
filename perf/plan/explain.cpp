// A cost in words.
#include <fmt/format.h>

#include <algorithm>

#include "../tools/result.hpp"
#include "sheet.hpp"

namespace coll::plan_tool {

namespace {

using perf::time_text;

// The kinds of work that take at least a tenth of a core's time, the longest first.
std::string work_text(const Cost& cost) {
  std::vector<std::pair<double, std::string_view>> parts = {{cost.message_us, "messages"}};
  for (size_t kind = 0; kind < kWorkNames.size(); ++kind) parts.emplace_back(cost.by_kind[kind], kWorkNames[kind]);
  std::sort(parts.rbegin(), parts.rend());
  std::string words;
  for (const auto& [part_us, name] : parts) {
    if (part_us < 0.1 * cost.core_us() || part_us <= 0) break;
    words += fmt::format("{}{} {}", words.empty() ? "" : ", ", name, time_text(part_us * cost.chunks));
  }
  return words.empty() ? "" : " (" + words + ")";
}

// What the next chunk waits for.
std::string_view bound_of(const Cost& cost) {
  if (cost.next_us == cost.parts_us) return "the links between the node's parts";
  if (cost.next_us == cost.uplink_us) return "the switch's uplink";
  if (cost.next_us == cost.link_us) return "the node's link";
  if (cost.next_us == cost.core_us()) return "a core";
  if (cost.next_us == cost.device.nvlink_us) return "NVLink";
  if (cost.next_us == cost.device.pcie_us) return "PCIe";
  if (cost.next_us == cost.device.memory_us) return "the GPU's memory";
  return "memory of the chunks before it";
}

// What the busiest GPU takes.
std::string device_text(const Cost& cost) {
  const DeviceCost& device = cost.device;
  std::string words;
  for (const auto& [part_us, name] :
       {std::pair(device.memory_us, "the GPU's memory"), {device.nvlink_us, "NVLink"}, {device.pcie_us, "PCIe"}}) {
    if (part_us > 0) words += fmt::format(", {} {}", name, time_text(part_us * cost.chunks));
  }
  if (device.staging_us > 0) words += fmt::format(", to the host and back {}", time_text(device.staging_us));
  return words;
}

}  // namespace

std::string explain(const Cost& cost) {
  std::string words = fmt::format("{} of latency", time_text(cost.latency_us));
  if (cost.device.steps_us > 0) words += fmt::format(" ({} of it the steps)", time_text(cost.device.steps_us));
  const double core_us = cost.core_us() * cost.chunks;
  if (core_us > 0) words += fmt::format(", a core {}{}", time_text(core_us), work_text(cost));
  if (cost.link_us > 0) words += fmt::format(", the node's link {}", time_text(cost.link_us * cost.chunks));
  if (cost.parts_us > 0) words += fmt::format(", between its parts {}", time_text(cost.parts_us * cost.chunks));
  if (cost.uplink_us > 0) words += fmt::format(", the uplink {}", time_text(cost.uplink_us * cost.chunks));
  words += device_text(cost);
  if (cost.relays > 1) words += fmt::format(", on each of {} ranks in a row for the first chunk", cost.relays);
  if (cost.chunks > 1) {
    words += fmt::format("; {:.0f} chunks: the first takes {}, then one each {}, waiting for {}", cost.chunks,
                         time_text(cost.first_us), time_text(cost.next_us), bound_of(cost));
  }
  return words;
}

}  // namespace coll::plan_tool
