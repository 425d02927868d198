#include "topology/nics.hpp"

#include <net/if.h>
#include <sched.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string_view>
#include <system_error>

#include "base/status.hpp"

namespace coll::topo {

namespace {

constexpr int kMostNumaNodes = 1024;

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

int number(std::string_view digits) {
  int value = -1;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

// Whether the kernel's list ("0-3,8") holds every hardware thread that this process may run on.
bool holds_all(std::string_view list, const cpu_set_t& allowed) {
  int held = 0;
  while (!list.empty()) {
    const std::string_view range = list.substr(0, list.find(','));
    list.remove_prefix(std::min(range.size() + 1, list.size()));
    const size_t dash = range.find('-');
    const int first = number(range.substr(0, dash));
    const int last = dash == std::string_view::npos ? first : number(range.substr(dash + 1));
    for (int pu = std::max(first, 0); pu <= std::min(last, CPU_SETSIZE - 1); ++pu) held += CPU_ISSET(pu, &allowed) != 0;
  }
  return held > 0 && held == CPU_COUNT(&allowed);
}

bool has_fabric(const Node& node) {
  return std::any_of(node.nics.begin(), node.nics.end(), [](const Nic& nic) { return nic.fabric; });
}

// Smaller is nearer; devices whose place is unknown are as far as the farthest.
int distance(const Nic& nic, const Locality& locality) {
  if (locality.numa < 0 || nic.numa < 0) return std::numeric_limits<int>::max();
  if (static_cast<size_t>(nic.numa) < locality.distances.size())
    return locality.distances[static_cast<size_t>(nic.numa)];
  return nic.numa == locality.numa ? 0 : std::numeric_limits<int>::max();
}

}  // namespace

Locality own_locality(const std::string& folder) {
  Locality locality;
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return locality;
  for (int node = 0; node < kMostNumaNodes && locality.numa < 0; ++node) {
    const std::string list = first_line(text(folder, "/node", node, "/cpulist"));
    if (holds_all(list, allowed)) locality.numa = node;
    if (list.empty() && node > 0) break;  // the last node; a node without processors comes after those with some
  }
  if (locality.numa < 0) return locality;
  std::istringstream row(first_line(text(folder, "/node", locality.numa, "/distance")));
  for (int value = 0; row >> value;) locality.distances.push_back(value);
  return locality;
}

std::string near_device(const Topology& topology, int rank, const Locality& locality) {
  const auto& nodes = topology.nodes;
  const bool fabric = std::all_of(nodes.begin(), nodes.end(), has_fabric);
  const Node& node = nodes[static_cast<size_t>(topology.node_of[static_cast<size_t>(rank)])];
  std::vector<const Nic*> nearest;
  for (const Nic& nic : node.nics) {
    if (nic.fabric != fabric) continue;
    if (!nearest.empty() && distance(nic, locality) > distance(*nearest.front(), locality)) continue;
    if (!nearest.empty() && distance(nic, locality) < distance(*nearest.front(), locality)) nearest.clear();
    nearest.push_back(&nic);
  }
  if (nearest.empty()) return {};
  const auto turn = static_cast<size_t>(topology.local_of[static_cast<size_t>(rank)]) % nearest.size();
  return nearest[turn]->name + (fabric ? ":1" : "");
}

bool is_present(const std::string& device) {
  const size_t colon = device.find(':');
  if (colon == std::string::npos) return if_nametoindex(device.c_str()) != 0;
  std::error_code unreadable;
  return std::filesystem::exists(text("/sys/class/infiniband/", device.substr(0, colon)), unreadable);
}

}  // namespace coll::topo
