// How ranks learn from each other which of them share a node, and what the nodes hold: three small allgathers.
//
// First every rank hands in a RankCard, from which all work out the same nodes. Then the first rank of each node, its
// leader, discovers the node and hands in a NodeCard, first its length, then the card without its zeros.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.hpp"
#include "topology/links.hpp"
#include "topology/topology.hpp"
#include "topology/tuning.hpp"

namespace coll::topo {

// Gathers the same number of bytes from all ranks of the communicator: all[r * mine.size()) is rank r's.
using Allgather = std::function<Status(std::span<const std::byte> mine, std::byte* all)>;

using Key = std::array<uint64_t, 2>;
// 128 bits of a text that ranks compare; equal texts, equal keys.
Key hash_key(std::string_view text);

struct RankCard {
  Key host;        // ranks with equal ones share memory: a node
  Key machine;     // ranks with equal ones run under one kernel and share its cores
  PuSet affinity;  // hardware threads it may run on; empty where unknown
};
static_assert(sizeof(RankCard) == 160);

// A Tuning in fixed size; figures of 0 say nothing.
struct TuningCard {
  LinkCost measured[kLinkKinds];
  LinkCost overrides[kLinkKinds];
  double reduce_gbs, copy_gbs, kernel_copy_gbs, network_cpu_gbs;
  double uplink_gbs;
  int64_t nodes_of_switch;
  CodecRate codecs[Rates::kMostCodecs];
  char refused[480];
};
TuningCard pack(const Tuning& tuning);
Tuning unpack(const TuningCard& card);

struct NodeCard {
  static constexpr size_t kMostNics = 16;
  static constexpr size_t kMostGpus = 16;
  static constexpr size_t kMostDomains = 32;
  static constexpr size_t kMostRuns = 64;            // of all domains
  static constexpr size_t kMostNvLinks = kMostGpus;  // peers of a GPU
  struct PathCard {
    uint64_t count;
    uint64_t steps[kMostPciSteps];  // PciAddress::bits
  };
  struct NicCard {
    char name[16];
    double gbits;
    int32_t numa;
    uint32_t fabric;
    PathCard path;
  };
  struct NvLinkCard {
    uint64_t to_gpu;  // 0: to switches
    uint64_t gpu;     // its address
    uint64_t bytes_per_s;
  };
  struct GpuCard {
    char name[60];
    int32_t numa;
    char product[48];
    uint64_t pcie_bytes_per_s;
    uint64_t nvlink_count;
    PathCard path;
    NvLinkCard nvlinks[kMostNvLinks];
  };
  struct DomainCard {
    uint64_t memory_bytes;
    int16_t numa, package;
    uint32_t run_count;
  };
  struct RunCard {
    uint16_t first, cores, step, threads, stride;
  };
  char host[64];
  int32_t packages, numa_nodes, cores, pus, system_pus, reserved;
  uint64_t l2_bytes, l3_bytes, memory_bytes;
  uint32_t nic_count, gpu_count;
  NicCard nics[kMostNics];
  GpuCard gpus[kMostGpus];
  uint64_t domain_count;
  DomainCard domains[kMostDomains];
  RunCard runs[kMostRuns];
  char refused[480];  // why the node cannot be described as its leader was told to; "" where it can
  TuningCard tuning;
};

// What does not fit a card is cut: long names, devices beyond kMostNics and kMostGpus and peers beyond kMostNvLinks,
// the bridges of a path that are nearest to its device, and the domains where there are more of them or of their runs.
NodeCard pack(const Node& node, const Tuning& tuning);
Node unpack(const NodeCard& card);

// The nodes that the ranks form, ordered by their lowest rank, with their ranks and machines; the rest is not known
// yet.
Topology group(std::span<const RankCard> cards);

// Whether no earlier node is on the same machine: its leader speaks about what the machine lacks.
bool first_of_machine(const Topology& groups, size_t node);

// The whole topology: `nodes` as their leaders found them, in the order of group(), and rank 0's tuning.
Topology assemble(std::span<const RankCard> cards, std::span<const Node> nodes, const Tuning& tuning);

// What one rank brings.
struct Joining {
  Joining(std::string key, int own_rank, int all_ranks) : host_key(std::move(key)), rank(own_rank), nranks(all_ranks) {}

  std::string host_key;  // ranks with equal ones share a node
  int rank;
  int nranks;
  Tuning tuning;               // rank 0's counts
  std::string topo_file;       // of a node its leader's counts; "" where the node is to be discovered
  std::string simulated_host;  // the name of the host in a simulator, where nothing is to be discovered; else ""
};

// The card of this process.
RankCard make_rank_card(const Joining& own);

// Collective over all ranks; every rank ends with the same topology. A tuning that rank 0 had to refuse, or a file that
// a leader had to, is every rank's collInvalidArgument.
// `*warning` is set on one rank of a machine about which something could not be found out.
Status exchange(const Joining& own, const Allgather& allgather, Topology* topology, std::string* warning);

}  // namespace coll::topo
