#include "topology/place.hpp"

#include <sched.h>

#include <charconv>
#include <fstream>

#include "base/status.hpp"

namespace coll::topo {

namespace {

// Hardware threads of the NUMA node that this thread runs on; empty where the system does not tell.
PuSet near_pus() {
  unsigned cpu = 0;
  unsigned node = 0;
  if (getcpu(&cpu, &node) != 0) return {};
  std::ifstream file(text("/sys/devices/system/node/node", node, "/cpulist"));
  std::string list;
  std::getline(file, list);
  return parse_pus(list);
}

// The system takes away what the process's control group does not allow, and refuses where that leaves nothing.
bool bind(const PuSet& wanted, const PuSet& taken) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  for (int pu = 0; pu < kMostPus && pu < CPU_SETSIZE; ++pu) {
    if (holds(wanted, pu) && !holds(taken, pu)) CPU_SET(static_cast<size_t>(pu), &mask);
  }
  return CPU_COUNT(&mask) > 0 && sched_setaffinity(0, sizeof(mask), &mask) == 0;
}

}  // namespace

bool run_apart_from(const PuSet& taken) {
  if (count(taken) == 0) return false;
  PuSet all;
  all.fill(~uint64_t{0});
  return bind(near_pus(), taken) || bind(all, taken);
}

PuSet parse_pus(std::string_view list) {
  PuSet pus{};
  const char* at = list.data();
  const char* const end = at + list.size();
  while (at < end) {
    int first = 0;
    const auto [after, error] = std::from_chars(at, end, first);
    if (error != std::errc() || first < 0) break;
    int last = first;
    at = after;
    if (at < end && *at == '-') at = std::from_chars(at + 1, end, last).ptr;
    for (int pu = first; pu <= last && pu < kMostPus; ++pu) add(&pus, pu);
    if (at < end && *at != ',') break;
    ++at;
  }
  return pus;
}

std::string list_text(const PuSet& pus) {
  std::string all;
  for (int pu = 0; pu < kMostPus; ++pu) {
    if (!holds(pus, pu)) continue;
    int last = pu;
    while (last + 1 < kMostPus && holds(pus, last + 1)) ++last;
    all += text(all.empty() ? "" : ",", pu, last > pu ? text("-", last) : std::string());
    pu = last;
  }
  return all;
}

}  // namespace coll::topo
