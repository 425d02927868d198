// The machine as data: which ranks share a node, what a node holds, and what the links between ranks cost.
// Every rank of a communicator holds the same Topology (rank 0's link costs count for all), so plans agree.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "topology/pci.hpp"
#include "topology/rates.hpp"

namespace coll::topo {

// Hardware threads of a machine: bit i of word w is thread 64 w + i.
using PuSet = std::array<uint64_t, 16>;
int count(const PuSet& pus);
inline constexpr int kMostPus = static_cast<int>(sizeof(PuSet) * 8);
inline bool holds(const PuSet& pus, int pu) { return (pus[static_cast<size_t>(pu) / 64] >> pu % 64 & 1) != 0; }
// Hardware threads that a PuSet cannot hold are left out.
inline void add(PuSet* pus, int pu) {
  if (pu >= 0 && pu < kMostPus) (*pus)[static_cast<size_t>(pu) / 64] |= uint64_t{1} << pu % 64;
}
bool contains(const PuSet& all, const PuSet& some);

// What is between two ranks: nothing but memory, other NUMA nodes of their package, other packages, other nodes.
enum class LinkKind { kSharedMemory, kNetwork, kNuma, kPackage };
inline constexpr int kLinkKinds = 4;
inline constexpr std::array<std::string_view, kLinkKinds> kLinkNames = {"shm", "net", "numa", "package"};
inline bool in_node(LinkKind kind) { return kind != LinkKind::kNetwork; }

// α and β of one link: time = latency_us + bytes / (bandwidth_gbs * 1000). 1 GB/s = 1000 bytes/µs.
struct LinkCost {
  double latency_us;
  // shm: what one rank reads. Else of all that leads out of one node, NUMA node or package, in one direction; it is
  // shared by the ranks there.
  double bandwidth_gbs;
};

struct Nic {
  std::string name;     // "eth0", "mlx5_0"
  double gbits = 0;     // link rate; 0 where the system does not tell
  int numa = -1;        // NUMA node it hangs off; -1 where unknown
  bool fabric = false;  // InfiniBand and its like: the adapter moves the data, latency is low
  PciPath path = {};
};

// What a GPU's NVLinks lead to.
struct NvLinkPeer {
  std::optional<PciAddress> gpu;  // none: NVSwitches, which join all GPUs of the node that have links to them
  uint64_t bytes_per_s = 0;       // of all links to it, in one direction; 0 where unknown
};

// What its maker's library tells of a GPU.
struct GpuFacts {
  std::string product;            // "NVIDIA H200"; "" where unknown
  uint64_t pcie_bytes_per_s = 0;  // in one direction, at the link's highest generation and width; 0 where unknown
  std::vector<NvLinkPeer> nvlinks;
};

struct Gpu {
  std::string name;
  int numa = -1;
  PciPath path = {};
  GpuFacts facts = {};
};

// Cores that the system numbers evenly: the hardware threads of core i are first + i * step + j * stride.
struct CoreRun {
  int first = 0;
  int cores = 1;
  int step = 1;
  int threads = 1;  // of one core
  int stride = 1;
};

// Cores that are next to the same memory: a NUMA node, or a package's part of one that spans several.
struct Domain {
  int numa = 0;     // as the system numbers it, and as devices name it
  int package = 0;  // from 0 on
  size_t memory_bytes = 0;
  std::vector<CoreRun> runs;

  int cores() const;
  PuSet pus() const;
  std::vector<PuSet> core_pus() const;  // by core
};

struct Node {
  std::string host;
  int packages = 0;
  int numa_nodes = 0;
  int cores = 0;
  int pus = 0;          // hardware threads this job may use on the node
  int system_pus = 0;   // the same, whatever the ranks are bound to
  size_t l2_bytes = 0;  // of one core
  size_t l3_bytes = 0;  // largest shared cache
  size_t memory_bytes = 0;
  std::vector<Nic> nics;
  std::vector<Gpu> gpus;
  std::vector<Domain> domains;  // ordered by package; empty where nobody has told
  int machine = 0;              // index into Topology::machines
  std::vector<int> ranks;       // ascending; the first one is the node's leader
};

// What runs one kernel. Containers and virtual clusters make several nodes of one machine, which share its cores.
struct Machine {
  int ranks = 0;
  int pus = 0;         // hardware threads that its ranks may use together
  int system_pus = 0;  // ... were they not bound
  PuSet taken{};       // hardware threads that ranks are bound to, each to its own; empty where they are not bound so

  // Whether a thread beside the ranks finds a hardware thread that none of them needs.
  bool has_room() const { return (count(taken) > 0 ? std::max(pus, system_pus) : pus) > ranks; }
};

// Switches of nodes that follow one another, each joined with the others by an uplink that its nodes share. Only
// COLL_SWITCH and the descriptions of clusters tell of them.
struct Switches {
  int nodes = 0;          // below one; 0: any two nodes reach one another at their links' rate
  double uplink_gbs = 0;  // in one direction
};

struct NodeRange {
  int begin, end;
  bool holds(int node) const { return node >= begin && node < end; }
};

// The smallest part of its node that holds all hardware threads a rank may run on.
struct Spot {
  int package = -1;  // -1: it may run in several, or nobody knows
  int domain = -1;   // index into Node::domains
  int core = -1;     // of the domain
};

struct Topology {
  int nranks = 0;
  std::vector<Node> nodes;        // ordered by their lowest rank
  std::vector<Machine> machines;  // ordered by their lowest rank
  std::vector<int> node_of;       // by rank
  std::vector<int> local_of;      // by rank: its index in its node's `ranks`
  std::vector<PuSet> bound;       // by rank: hardware threads that it may run on, none where unknown; or empty
  std::vector<Spot> spots;        // by rank, where `bound` puts it; or empty
  std::vector<int> gpu_of;        // by rank: index into its node's `gpus`, -1 where unknown; empty: some is on none
  size_t staged_bytes = 0;        // up to which calls on devices run on the host: the largest of the ranks' values
  std::array<LinkCost, kLinkKinds> links{};
  Switches switches;
  Rates rates;

  LinkKind link_between(int a, int b) const {
    if (node_of[static_cast<size_t>(a)] != node_of[static_cast<size_t>(b)]) return LinkKind::kNetwork;
    const Spot of_a = spot_of(a);
    const Spot of_b = spot_of(b);
    const auto differ = [](int x, int y) { return x >= 0 && y >= 0 && x != y; };
    if (differ(of_a.package, of_b.package)) return LinkKind::kPackage;
    return differ(of_a.domain, of_b.domain) ? LinkKind::kNuma : LinkKind::kSharedMemory;
  }
  // Whether there can be such links: between NUMA nodes or packages only where a node has several.
  bool has(LinkKind kind) const;
  Spot spot_of(int rank) const { return spots.empty() ? Spot() : spots[static_cast<size_t>(rank)]; }
  // Whether every rank is on a device.
  bool on_devices() const { return !gpu_of.empty(); }
  // NULL: unknown.
  const Gpu* gpu_at(int rank) const {
    const int gpu = gpu_of.empty() ? -1 : gpu_of[static_cast<size_t>(rank)];
    if (gpu < 0) return nullptr;
    return &nodes[static_cast<size_t>(node_of[static_cast<size_t>(rank)])].gpus[static_cast<size_t>(gpu)];
  }
  // The nodes below the same switch: they reach one another without its uplink.
  NodeRange switch_of(int node) const {
    const auto all = static_cast<int>(nodes.size());
    if (switches.nodes == 0) return {0, all};
    const int first = node / switches.nodes * switches.nodes;
    return {first, std::min(first + switches.nodes, all)};
  }
  const LinkCost& cost(LinkKind kind) const { return links[static_cast<size_t>(kind)]; }
  const Machine& machine_of(int rank) const {
    return machines[static_cast<size_t>(nodes[static_cast<size_t>(node_of[static_cast<size_t>(rank)])].machine)];
  }
  // Whether ranks outnumber the hardware threads on some machine, so that waiting ranks must yield.
  bool oversubscribed() const;
};

// Finds `spots` from the nodes' domains and what ranks are bound to.
void find_spots(Topology* topology);

// A topology of `ranks_per_node[i]` consecutive ranks on node i, each node a machine with a core per rank, and default
// link costs; for tests and simulation.
Topology synthetic(const std::vector<int>& ranks_per_node);

}  // namespace coll::topo
