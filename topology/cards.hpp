// What ranks tell each other when a communicator is made, in fixed size.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "topology/links.hpp"
#include "topology/topology.hpp"
#include "topology/tuning.hpp"

namespace coll::topo {

using Key = std::array<uint64_t, 2>;
// 128 bits of a text that ranks compare; equal texts, equal keys.
Key hash_key(std::string_view text);

struct RankCard {
  Key host;                   // ranks with equal ones share memory: a node
  Key machine;                // ranks with equal ones run under one kernel and share its cores
  PuSet affinity;             // hardware threads it may run on; empty where unknown
  uint64_t on_device = 0;     // 1: the rank is on a device, ...
  uint64_t gpu = 0;           // ... the one at this PciAddress, ...
  uint64_t staged_bytes = 0;  // ... and its calls on device memory are staged up to this
};
static_assert(sizeof(RankCard) == 184);

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

// Texts of cards end with a zero, and are cut where they do not fit.
template <size_t size>
void copy_text(const std::string& text, char (&field)[size]) {
  std::memcpy(field, text.data(), std::min(text.size(), size - 1));
}

template <size_t size>
std::string field_text(const char (&field)[size]) {
  return {field, strnlen(field, size)};
}

}  // namespace coll::topo
