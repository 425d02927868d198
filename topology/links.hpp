// What the links between ranks cost: defaults by kind of link, and the user's overrides.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.hpp"
#include "topology/topology.hpp"

namespace coll::topo {

// Values of COLL_LINKS, by LinkKind.
using LinkOverrides = std::array<std::optional<LinkCost>, kLinkKinds>;
using LinkCosts = std::array<LinkCost, kLinkKinds>;

// "net=50us/0.12GBs,shm=1us/8GBs" -> overrides; "" overrides nothing. Latency in ns, us or ms, bandwidth in GBs or MBs.
// collInvalidArgument says which part cannot be understood.
Status parse_links(std::string_view text, LinkOverrides* overrides);

// What one network device of that rate moves of a program's bytes, in GB/s.
double payload_gbs(double gbits);

// "16/40GBs": switches of 16 nodes whose uplink carries 40 GB/s in one direction; "" says that there are none to mind.
// collInvalidArgument says what cannot be understood.
Status parse_switches(std::string_view text, Switches* switches);

// Costs of the nodes' own links: the network is as fast as the slowest node's fastest NIC. Ranks that outnumber the
// cores are handed a message only when they are scheduled, so shared memory answers later there.
LinkCosts estimate_links(std::span<const Node> nodes, bool oversubscribed);

LinkCosts override_links(const LinkCosts& costs, const LinkOverrides& overrides);

// The kinds of links that the nodes have, of ranks and then of GPUs, as they are listed for people and programs.
struct NamedLink {
  std::string_view name;
  LinkCost cost;
};
std::vector<NamedLink> named_links(const Topology& topology);

// What all that is known comes to: overrides before what was measured before estimates. Ranks that outnumber the cores
// have the estimated latency, as measuring keeps to as many ranks as there are cores.
LinkCosts link_costs(std::span<const Node> nodes, bool oversubscribed, const LinkOverrides& measured,
                     const LinkOverrides& overrides);

}  // namespace coll::topo
