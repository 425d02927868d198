#include "topology/links.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include "topology/gpu_links.hpp"

namespace coll::topo {

namespace {

constexpr LinkCost kShm = {0.5, 5.0};
constexpr double kShmOversubscribedUs = 5.0;
// What leads out of a NUMA node inside its package, and out of a package: of the order of what the makers state. Two
// links of Intel's UPI at 16 GT/s carry 64 GB/s each way, less their headers.
constexpr LinkCost kNuma = {0.55, 100};
constexpr LinkCost kPackage = {0.7, 50};
constexpr double kEthernetUs = 25.0;
constexpr double kFabricUs = 2.0;
constexpr double kUnknownNetGbs = 1.25;       // 10 Gbit/s
constexpr double kPayload = 1448.0 / 1514.0;  // of an Ethernet frame that carries TCP

struct Unit {
  std::string_view name;
  double scale;
};
constexpr Unit kTimes[] = {{"us", 1.0}, {"ns", 1e-3}, {"ms", 1e3}};
constexpr Unit kRates[] = {{"GBs", 1.0}, {"MBs", 1e-3}};

// A positive number with one of the units behind it.
bool parse_quantity(std::string_view text, std::span<const Unit> units, double* value) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !std::isfinite(number) || number <= 0) return false;
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  for (const Unit& known : units) {
    if (known.name != unit) continue;
    *value = number * known.scale;
    return true;
  }
  return false;
}

Status parse_link(std::string_view part, std::string_view whole, LinkOverrides* overrides) {
  const auto bad = [whole, part](const std::string& why) {
    return Status(collInvalidArgument, text("COLL_LINKS=", whole, ": \"", part, "\" ", why));
  };
  const size_t equals = part.find('=');
  const size_t slash = part.find('/');
  if (equals == std::string_view::npos || slash == std::string_view::npos || slash < equals) {
    return bad("must look like net=50us/0.12GBs");
  }
  const auto* const kind = std::find(kLinkNames.begin(), kLinkNames.end(), part.substr(0, equals));
  if (kind == kLinkNames.end())
    return bad(text("names no kind of link; there are ", kLinkNames[0], ", ", kLinkNames[1], ", ", kLinkNames[2],
                    " and ", kLinkNames[3]));
  LinkCost cost{};
  if (!parse_quantity(part.substr(equals + 1, slash - equals - 1), kTimes, &cost.latency_us)) {
    return bad("needs a latency above 0 in ns, us or ms before the slash");
  }
  if (!parse_quantity(part.substr(slash + 1), kRates, &cost.bandwidth_gbs)) {
    return bad("needs a bandwidth above 0 in MBs or GBs after the slash");
  }
  auto& slot = (*overrides)[static_cast<size_t>(kind - kLinkNames.begin())];
  if (slot.has_value()) return bad("repeats a kind of link");
  slot = cost;
  return {};
}

}  // namespace

Status parse_links(std::string_view text, LinkOverrides* overrides) {
  *overrides = {};
  for (std::string_view rest = text; !rest.empty();) {
    const size_t comma = rest.find(',');
    COLL_TRY(parse_link(rest.substr(0, comma), text, overrides));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
    if (rest.empty()) COLL_TRY(parse_link(rest, text, overrides));
  }
  return {};
}

double payload_gbs(double gbits) { return gbits / 8.0 * kPayload; }

Status parse_switches(std::string_view text, Switches* switches) {
  *switches = {};
  if (text.empty()) return {};
  const size_t slash = text.find('/');
  const std::string_view count = text.substr(0, slash);
  const auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), switches->nodes);
  const bool counts = error == std::errc() && end == count.data() + count.size() && switches->nodes > 0;
  const bool rates =
      slash != std::string_view::npos && parse_quantity(text.substr(slash + 1), kRates, &switches->uplink_gbs);
  if (counts && rates) return {};
  return {collInvalidArgument,
          coll::text("COLL_SWITCH=", text,
                     " must look like 16/40GBs: how many nodes are below one network switch, and what its "
                     "uplink carries in one direction, in MBs or GBs")};
}

LinkCosts estimate_links(std::span<const Node> nodes, bool oversubscribed) {
  double slowest_gbits = std::numeric_limits<double>::infinity();
  bool all_fabric = !nodes.empty();
  for (const Node& node : nodes) {
    const auto fastest = std::max_element(node.nics.begin(), node.nics.end(),
                                          [](const Nic& a, const Nic& b) { return a.gbits < b.gbits; });
    if (fastest == node.nics.end() || !fastest->fabric) all_fabric = false;
    if (fastest != node.nics.end() && fastest->gbits > 0) slowest_gbits = std::min(slowest_gbits, fastest->gbits);
  }
  LinkCosts costs{};
  costs[static_cast<size_t>(LinkKind::kSharedMemory)] = kShm;
  costs[static_cast<size_t>(LinkKind::kNuma)] = kNuma;
  costs[static_cast<size_t>(LinkKind::kPackage)] = kPackage;
  for (LinkCost& cost : costs) {
    if (oversubscribed) cost.latency_us = kShmOversubscribedUs;
  }
  const double net_gbs = std::isfinite(slowest_gbits) ? payload_gbs(slowest_gbits) : kUnknownNetGbs;
  costs[static_cast<size_t>(LinkKind::kNetwork)] = {all_fabric ? kFabricUs : kEthernetUs, net_gbs};
  return costs;
}

std::vector<NamedLink> named_links(const Topology& topology) {
  std::vector<NamedLink> all;
  for (size_t kind = 0; kind < kLinkKinds; ++kind) {
    if (topology.has(static_cast<LinkKind>(kind))) all.push_back({kLinkNames[kind], topology.links[kind]});
  }
  const GpuLinkCosts of_gpus = estimate_gpu_links(topology.nodes);
  for (size_t kind = 0; kind < of_gpus.size(); ++kind) {
    if (of_gpus[kind]) all.push_back({kGpuLinkNames[kind], *of_gpus[kind]});
  }
  return all;
}

LinkCosts link_costs(std::span<const Node> nodes, bool oversubscribed, const LinkOverrides& measured,
                     const LinkOverrides& overrides) {
  const LinkCosts estimated = estimate_links(nodes, oversubscribed);
  LinkCosts costs = override_links(estimated, measured);
  for (size_t kind = 0; oversubscribed && kind < costs.size(); ++kind) {
    costs[kind].latency_us = std::max(costs[kind].latency_us, estimated[kind].latency_us);
  }
  return override_links(costs, overrides);
}

LinkCosts override_links(const LinkCosts& costs, const LinkOverrides& overrides) {
  LinkCosts result = costs;
  for (size_t kind = 0; kind < result.size(); ++kind) result[kind] = overrides[kind].value_or(costs[kind]);
  return result;
}

}  // namespace coll::topo
