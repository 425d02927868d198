#include "device/cuda/sharing.hpp"

#include <cuda_runtime_api.h>
#include <sys/random.h>

#include <array>
#include <cstring>
#include <map>
#include <mutex>
#include <type_traits>
#include <utility>

#include "device/cuda/driver.hpp"
#include "device/cuda/error.hpp"
#include "device/cuda/uncaptured.hpp"

namespace coll::device::cuda {

namespace {

using ProcessId = std::array<std::byte, 16>;

// What a share's bytes are. A handle is of a whole allocation, wherever in it the memory begins.
struct Shared {
  cudaIpcMemHandle_t handle{};
  ProcessId process{};
  CUuuid uuid{};  // of the device, for people: it may have another number in each process
  int64_t device = -1;
  uint64_t base = 0;  // of the allocation, in its process
  uint64_t offset = 0;
};
static_assert(std::is_trivially_copyable_v<Shared> && sizeof(Shared) <= sizeof(DeviceShare::bytes));

// Random, since containers may give two processes of a node one number. A child would have its parent's, but CUDA
// serves none after a fork.
struct Identity {
  ProcessId id{};
  bool made = ::getrandom(id.data(), id.size(), 0) == static_cast<ssize_t>(id.size());
};

const Identity& this_process() {
  static const Identity identity;
  return identity;
}

// What devices of this process have open, as often as each was opened: by address and device. CUDA itself counts how
// often a handle is open.
struct Openings {
  std::mutex mutex;  // never held while the driver is asked, which may wait for the device
  std::multimap<std::pair<const void*, int>, void*> bases;  // of another process's allocations; NULL: this one's
};

Openings& openings() {
  static Openings* const one = new Openings;  // threads may end later than the program does
  return *one;
}

std::string name_of(const CUuuid& uuid) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string name = "GPU-";
  for (size_t i = 0; i < sizeof uuid.bytes; ++i) {
    const auto byte = static_cast<unsigned char>(uuid.bytes[i]);
    if (i == 4 || i == 6 || i == 8 || i == 10) name += '-';
    name += {kDigits[byte / 16], kDigits[byte % 16]};
  }
  return name;
}

// Why a device cannot reach memory, where the machine or its set-up is the reason; NULL for what went wrong otherwise.
const char* reason_of(cudaError_t error) {
  switch (error) {
    case cudaErrorPeerAccessUnsupported:
      return "the devices do not reach each other's memory (nvidia-smi topo -p2p r shows which do)";
    case cudaErrorMapBufferObjectFailed:
      return "the driver cannot map it: the devices do not reach each other's memory (nvidia-smi topo -p2p r shows "
             "which do), or it has been released";
    case cudaErrorInvalidResourceHandle:
    case cudaErrorDeviceUninitialized:  // what the driver takes for this process's own
      return "its process has ended, or the driver does not find it: ranks in several containers need one PID and one "
             "IPC namespace";
    case cudaErrorInvalidDevice:
      return "this process does not see its device; let CUDA_VISIBLE_DEVICES name the devices of all ranks of the node";
    case cudaErrorTooManyPeers:
      return "the device reaches as many others as it can already";
    case cudaErrorNotSupported:
      return "this system does not share device memory between processes";
    default:
      return nullptr;
  }
}

Status reached(cudaError_t result, const Shared& shared, const char* doing) {
  const char* const reason = reason_of(result);
  if (reason == nullptr) return checked(result, doing);
  cudaGetLastError();
  return {collUnsupported,
          text("memory of ", name_of(shared.uuid), " is out of reach: ", reason, " (", cudaGetErrorName(result), ")")};
}

// Memory of this process has one address for all its devices.
Status open_own(const Shared& shared, int device, std::byte** base) {
  *base = reinterpret_cast<std::byte*>(static_cast<uintptr_t>(shared.base));
  const auto owner = static_cast<int>(shared.device);
  if (owner == device) return {};
  int can = 0;
  COLL_TRY(checked(cudaDeviceCanAccessPeer(&can, device, owner), "asking whether a device reaches another's memory"));
  const cudaError_t enabled = can != 0 ? cudaDeviceEnablePeerAccess(owner, 0) : cudaErrorPeerAccessUnsupported;
  if (enabled == cudaErrorPeerAccessAlreadyEnabled) {
    cudaGetLastError();
    return {};
  }
  return reached(enabled, shared, "letting a device reach another's memory");
}

Status not_shareable() {
  return {collUnsupported,
          "only memory that cudaMalloc gave can be shared: this is a pool's, mapped, managed, another process's or the "
          "host's"};
}

Status open_foreign(const Shared& shared, std::byte** base) {
  void* opened = nullptr;
  COLL_TRY(reached(cudaIpcOpenMemHandle(&opened, shared.handle, cudaIpcMemLazyEnablePeerAccess), shared,
                   "opening another process's memory"));
  *base = static_cast<std::byte*>(opened);
  return {};
}

}  // namespace

Status Sharing::find(Sharing* sharing) {
  COLL_TRY(find_in_driver("cuPointerGetAttributes", &sharing->ask_));
  COLL_TRY(find_in_driver("cuMemGetAddressRange", &sharing->range_));
  COLL_TRY(find_in_driver("cuDeviceGet", &sharing->device_));
  return find_in_driver("cuDeviceGetUuid", &sharing->uuid_);
}

Status Sharing::share(void* memory, DeviceShare* share) const {
  if (!this_process().made) return {collSystemError, "the system has no random bytes"};
  const auto address = reinterpret_cast<CUdeviceptr>(memory);
  int device = -1;
  COLL_TRY(find_device(address, &device));
  CUdeviceptr base = 0;
  size_t bytes = 0;
  COLL_TRY(checked(range_(&base, &bytes, address), "asking where an allocation begins"));
  Shared shared{.process = this_process().id, .device = device, .base = base, .offset = address - base};
  CUdevice named = 0;
  COLL_TRY(checked(device_(&named, device), "looking up a device"));
  COLL_TRY(checked(uuid_(&shared.uuid, named), "asking for a device's UUID"));
  const Uncaptured uncaptured;
  const cudaError_t got = cudaIpcGetMemHandle(&shared.handle, reinterpret_cast<void*>(base));
  if (got == cudaErrorInvalidValue) {
    cudaGetLastError();
    return not_shareable();
  }
  COLL_TRY(reached(got, shared, "sharing memory"));
  *share = {};
  std::memcpy(share->bytes.data(), &shared, sizeof shared);
  return {};
}

// collUnsupported where there is none, or the memory has no handle.
Status Sharing::find_device(CUdeviceptr address, int* device) const {
  unsigned has_handle = 0;
  CUpointer_attribute attributes[] = {CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL,
                                      CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE};
  void* answers[] = {device, &has_handle};
  const CUresult asked = ask_(2, attributes, answers, address);
  if (asked == CUDA_ERROR_INVALID_VALUE || asked == CUDA_ERROR_INVALID_CONTEXT) return not_shareable();
  COLL_TRY(checked(asked, "asking whether memory can be shared"));
  return has_handle != 0 ? Status() : not_shareable();
}

Status Sharing::open(const DeviceShare& share, int device, void** memory) const {
  Shared shared;
  std::memcpy(&shared, share.bytes.data(), sizeof shared);
  const bool own = shared.process == this_process().id;
  std::byte* base = nullptr;
  {
    const Uncaptured uncaptured;
    COLL_TRY(own ? open_own(shared, device, &base) : open_foreign(shared, &base));
  }
  *memory = base + shared.offset;
  const std::lock_guard lock(openings().mutex);
  openings().bases.insert({{*memory, device}, own ? nullptr : base});
  return {};
}

Status Sharing::close(void* memory, int device) const {
  void* base = nullptr;
  {
    const std::lock_guard lock(openings().mutex);
    const auto found = openings().bases.find({memory, device});
    if (found == openings().bases.end()) return {collInternalError, "memory is closed that was not opened here"};
    base = found->second;
    openings().bases.erase(found);
  }
  if (base == nullptr) return {};  // peer access stays: others may use it
  const Uncaptured uncaptured;
  return checked(cudaIpcCloseMemHandle(base), "closing another process's memory");
}

}  // namespace coll::device::cuda
