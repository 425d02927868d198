#include "topology/nvml.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>

#include "base/status.hpp"

namespace coll::topo {

namespace {

// NVML's C interface as NVIDIA's "NVML API Reference Guide" states it (R470 and later); nvml.h is not needed.
using Return = int;
constexpr Return kSuccess = 0;  // NVML_SUCCESS
using Handle = struct nvmlDevice_st*;
constexpr unsigned kMostLinks = 18;        // NVML_NVLINK_MAX_LINKS
constexpr size_t kNameBytes = 96;          // NVML_DEVICE_NAME_V2_BUFFER_SIZE
constexpr int kEnabled = 1;                // NVML_FEATURE_ENABLED
constexpr int kToGpu = 0, kToSwitch = 2;   // NVML_NVLINK_DEVICE_TYPE_GPU, _SWITCH
constexpr unsigned kLinkSpeedField = 164;  // NVML_FI_DEV_NVLINK_GET_SPEED: of the link that scopeId names, in MB/s
constexpr int kUnsignedInt = 1;            // NVML_VALUE_TYPE_UNSIGNED_INT

// nvmlPciInfo_t, whose first field held what is now in the last one.
struct PciInfo {
  char bus_id_legacy[16];
  unsigned domain, bus, device, device_id, subsystem_id;
  char bus_id[32];
};
static_assert(sizeof(PciInfo) == 68 && offsetof(PciInfo, domain) == 16);

// nvmlFieldValue_t
struct FieldValue {
  unsigned field, scope;
  long long timestamp, latency_us;
  int type;
  Return result;
  union {
    unsigned unsigned_int;
    unsigned long long widest;
  } value;
};
static_assert(sizeof(FieldValue) == 40 && offsetof(FieldValue, value) == 32);

constexpr unsigned kMostGpus = 64;  // that are asked about, whatever number the library states

// GB/s of one lane in one direction behind its line code, by generation: the transfer rates of PCI-SIG's
// specifications, 8b/10b up to generation 2, then 128b/130b; in 6, 242 of a flit's 256 bytes.
constexpr double kLaneGbs[] = {2.5 / 8 * 8 / 10,     5.0 / 8 * 8 / 10,     8.0 / 8 * 128 / 130,
                               16.0 / 8 * 128 / 130, 32.0 / 8 * 128 / 130, 64.0 / 8 * 242 / 256};
constexpr unsigned kMostLanes = 32;

// GB/s of one NVLink in one direction, by nvmlNvlinkVersion_t (1.0, 2.0, 2.2, 3.0, 3.1, 4.0, 5.0), as NVIDIA's
// architecture whitepapers state them: Pascal 20, Volta to Hopper 25, Blackwell 50.
constexpr double kNvLinkGbs[] = {20, 25, 25, 25, 25, 25, 50};

struct Close {
  void operator()(void* library) const { ::dlclose(library); }
};

// The functions that are called; the last three may be missing.
struct Functions {
  Return (*init)();
  Return (*shutdown)();
  Return (*count)(unsigned*);
  Return (*handle)(unsigned, Handle*);
  Return (*pci)(Handle, PciInfo*);
  Return (*name)(Handle, char*, unsigned);
  Return (*generation)(Handle, unsigned*);
  Return (*width)(Handle, unsigned*);
  Return (*link_state)(Handle, unsigned, int*);
  Return (*link_version)(Handle, unsigned, unsigned*);
  Return (*link_pci)(Handle, unsigned, PciInfo*);
  Return (*link_type)(Handle, unsigned, int*);
  Return (*fields)(Handle, int, FieldValue*);
  const char* (*words)(Return);
};

class Nvml {
 public:
  // Says in `*failure` why it is of no use; where there is no library, nothing. It stays in memory: a driver's library
  // is not made to be taken out.
  Nvml(const std::string& path, std::string* failure)
      : library_(::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)) {
    if (library_ == nullptr) {
      const char* const why = ::dlerror();
      const bool absent = why == nullptr || std::strstr(why, "No such file or directory") != nullptr;
      if (!absent) *failure = why;
    } else if (!find_all(failure)) {
      return;
    } else if (const Return result = call_.init(); result != kSuccess) {
      *failure = text("nvmlInit_v2: ", words_of(result));
    } else {
      usable_ = true;
    }
  }
  ~Nvml() {
    if (usable_) call_.shutdown();
  }
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  bool usable() const { return usable_; }
  const Functions* operator->() const { return &call_; }
  std::string words_of(Return result) const {
    const char* const words = call_.words != nullptr ? call_.words(result) : nullptr;
    return words != nullptr ? std::string(words) : text("error ", result);
  }

 private:
  template <typename Function>
  bool find(const char* name, Function* function, std::string* failure) {
    *function = reinterpret_cast<Function>(::dlsym(library_.get(), name));
    if (*function == nullptr) *failure = text("it has no ", name);
    return *function != nullptr;
  }
  bool find_all(std::string* failure) {
    std::string without;
    find("nvmlDeviceGetNvLinkRemoteDeviceType", &call_.link_type, &without);
    find("nvmlDeviceGetFieldValues", &call_.fields, &without);
    find("nvmlErrorString", &call_.words, &without);
    return find("nvmlInit_v2", &call_.init, failure) && find("nvmlShutdown", &call_.shutdown, failure) &&
           find("nvmlDeviceGetCount_v2", &call_.count, failure) &&
           find("nvmlDeviceGetHandleByIndex_v2", &call_.handle, failure) &&
           find("nvmlDeviceGetPciInfo_v3", &call_.pci, failure) && find("nvmlDeviceGetName", &call_.name, failure) &&
           find("nvmlDeviceGetMaxPcieLinkGeneration", &call_.generation, failure) &&
           find("nvmlDeviceGetMaxPcieLinkWidth", &call_.width, failure) &&
           find("nvmlDeviceGetNvLinkState", &call_.link_state, failure) &&
           find("nvmlDeviceGetNvLinkVersion", &call_.link_version, failure) &&
           find("nvmlDeviceGetNvLinkRemotePciInfo_v2", &call_.link_pci, failure);
  }

  std::unique_ptr<void, Close> library_;
  Functions call_{};
  bool usable_ = false;
};

std::optional<PciAddress> address_of(const PciInfo& info) {
  if (info.bus > 0xff || info.device > 0x1f) return std::nullopt;
  return pci_address(info.domain, info.bus, info.device, 0);  // a GPU's other functions are no GPUs
}

// As the driver states it, for Hopper's links have been seen to call themselves version 5.0; else by the version.
uint64_t link_rate(const Nvml& nvml, Handle gpu, unsigned link) {
  FieldValue speed{};
  speed.field = kLinkSpeedField;
  speed.scope = link;
  if (nvml->fields != nullptr && nvml->fields(gpu, 1, &speed) == kSuccess && speed.result == kSuccess &&
      speed.type == kUnsignedInt && speed.value.unsigned_int > 0) {
    return uint64_t{speed.value.unsigned_int} * 1'000'000;
  }
  unsigned version = 0;
  return nvml->link_version(gpu, link, &version) == kSuccess ? nvlink_bytes_per_s(version) : 0;
}

// What is at the link's other end, where that is a GPU or a switch.
std::optional<NvLinkPeer> peer_of(const Nvml& nvml, Handle gpu, unsigned link) {
  int state = 0;
  if (nvml->link_state(gpu, link, &state) != kSuccess || state != kEnabled) return std::nullopt;
  int type = kToGpu;  // a library that cannot tell the types apart is older than most switches
  if (nvml->link_type != nullptr && nvml->link_type(gpu, link, &type) != kSuccess) return std::nullopt;
  NvLinkPeer peer;
  if (type == kToGpu) {
    PciInfo remote{};
    if (nvml->link_pci(gpu, link, &remote) == kSuccess) peer.gpu = address_of(remote);
    if (!peer.gpu) return std::nullopt;
  } else if (type != kToSwitch) {
    return std::nullopt;
  }
  peer.bytes_per_s = link_rate(nvml, gpu, link);
  return peer;
}

// One entry for each peer, with the rates of all links to it.
std::vector<NvLinkPeer> peers_of(const Nvml& nvml, Handle gpu) {
  std::vector<NvLinkPeer> peers;
  for (unsigned link = 0; link < kMostLinks; ++link) {
    const std::optional<NvLinkPeer> peer = peer_of(nvml, gpu, link);
    if (!peer) continue;
    const auto same = std::find_if(peers.begin(), peers.end(), [&](const auto& one) { return one.gpu == peer->gpu; });
    if (same == peers.end()) {
      peers.push_back(*peer);
    } else {
      same->bytes_per_s += peer->bytes_per_s;
    }
  }
  return peers;
}

GpuFacts facts_of(const Nvml& nvml, Handle gpu) {
  GpuFacts facts;
  char name[kNameBytes] = "";
  if (nvml->name(gpu, name, sizeof(name)) == kSuccess) facts.product.assign(name, strnlen(name, sizeof(name)));
  unsigned generation = 0, width = 0;
  if (nvml->generation(gpu, &generation) == kSuccess && nvml->width(gpu, &width) == kSuccess) {
    facts.pcie_bytes_per_s = pcie_bytes_per_s(generation, width);
  }
  facts.nvlinks = peers_of(nvml, gpu);
  return facts;
}

}  // namespace

uint64_t pcie_bytes_per_s(unsigned generation, unsigned lanes) {
  if (generation == 0 || generation > std::size(kLaneGbs) || lanes > kMostLanes) return 0;
  return static_cast<uint64_t>(kLaneGbs[generation - 1] * 1e9 * lanes);
}

uint64_t nvlink_bytes_per_s(unsigned version) {
  if (version == 0 || version > std::size(kNvLinkGbs)) return 0;
  return static_cast<uint64_t>(kNvLinkGbs[version - 1] * 1e9);
}

std::vector<NvmlGpu> read_nvml(const std::string& library, std::string* failure) {
  std::vector<NvmlGpu> gpus;
  const Nvml nvml(library, failure);
  if (!nvml.usable()) return gpus;
  unsigned count = 0;
  if (const Return result = nvml->count(&count); result != kSuccess) {
    *failure = text("nvmlDeviceGetCount_v2: ", nvml.words_of(result));
    return gpus;
  }
  for (unsigned index = 0; index < std::min(count, kMostGpus); ++index) {
    Handle gpu = nullptr;
    PciInfo place{};
    Return result = nvml->handle(index, &gpu);
    if (result == kSuccess) result = nvml->pci(gpu, &place);
    const std::optional<PciAddress> address = address_of(place);
    if (result == kSuccess && address) {
      gpus.push_back({*address, facts_of(nvml, gpu)});
    } else if (failure->empty()) {
      *failure = result == kSuccess ? text("GPU ", index, " has no PCI address")
                                    : text("GPU ", index, ": ", nvml.words_of(result));
    }
  }
  return gpus;
}

}  // namespace coll::topo
