// What NVIDIA's management library (NVML) knows of this machine's GPUs. It comes with the driver and is opened at run
// time: nothing is linked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "topology/topology.hpp"

namespace coll::topo {

inline constexpr const char* kNvmlLibrary = "libnvidia-ml.so.1";

struct NvmlGpu {
  PciAddress address;
  GpuFacts facts;
};

// Empty where there is no such library. Where it fails, `*failure` says how, in words; what it told before is kept.
std::vector<NvmlGpu> read_nvml(const std::string& library, std::string* failure);

// In one direction: 0 where the generation or version is not known, or the number of lanes is none of PCIe's.
uint64_t pcie_bytes_per_s(unsigned generation, unsigned lanes);
uint64_t nvlink_bytes_per_s(unsigned version);  // of one link; the version as NVML numbers it

}  // namespace coll::topo
