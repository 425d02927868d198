// A shared library with NVML's functions, which tells of GPUs that are not there. Structs are laid out anew here, from
// NVIDIA's documentation, so that they do not agree with the library's by being the same.
#include "fake_nvml.hpp"

#include <cstdio>
#include <cstring>
#include <iterator>

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED coll::test::FakeNvml fake_nvml;
coll::test::FakeNvml fake_nvml;

namespace {

using coll::test::FakeGpu;
using coll::test::FakeLink;

constexpr int kInvalidArgument = 2, kNotSupported = 3;

struct nvmlPciInfo_t {
  char busIdLegacy[16];
  unsigned int domain;
  unsigned int bus;
  unsigned int device;
  unsigned int pciDeviceId;
  unsigned int pciSubSystemId;
  char busId[32];
};

union nvmlValue_t {
  double dVal;
  unsigned int uiVal;
  unsigned long long ullVal;
};

struct nvmlFieldValue_t {
  unsigned int fieldId;
  unsigned int scopeId;
  long long timestamp;
  long long latencyUsec;
  int valueType;
  int nvmlReturn;
  nvmlValue_t value;
};

const FakeLink* link_of(const FakeGpu* gpu, unsigned link) {
  return link < gpu->link_count ? &gpu->links[link] : nullptr;
}

int fill(unsigned domain, unsigned bus, nvmlPciInfo_t* pci) {
  std::memset(pci, 0xee, sizeof(*pci));  // all of it is the library's to write
  pci->domain = domain;
  pci->bus = bus;
  pci->device = 0;
  std::snprintf(pci->busId, sizeof(pci->busId), "%08X:%02X:00.0", domain, bus & 0xff);
  return 0;
}

}  // namespace

EXPORTED int nvmlInit_v2() {
  ++fake_nvml.opened;
  return fake_nvml.init_result;
}

EXPORTED int nvmlShutdown() {
  ++fake_nvml.closed;
  return 0;
}

EXPORTED const char* nvmlErrorString(int result) { return result == 9 ? "Driver Not Loaded" : nullptr; }

EXPORTED int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = fake_nvml.count;
  return 0;
}

EXPORTED int nvmlDeviceGetHandleByIndex_v2(unsigned index, FakeGpu** gpu) {
  if (index >= std::size(fake_nvml.gpus)) return kInvalidArgument;
  *gpu = &fake_nvml.gpus[index];
  return (*gpu)->result;
}

EXPORTED int nvmlDeviceGetPciInfo_v3(const FakeGpu* gpu, nvmlPciInfo_t* pci) {
  return fill(gpu->domain, gpu->bus, pci);
}

EXPORTED int nvmlDeviceGetName(const FakeGpu* gpu, char* name, unsigned length) {
  std::strncpy(name, gpu->name, length);  // which does not end a name that is too long
  return 0;
}

EXPORTED int nvmlDeviceGetMaxPcieLinkGeneration(const FakeGpu* gpu, unsigned* generation) {
  *generation = gpu->generation;
  return 0;
}

EXPORTED int nvmlDeviceGetMaxPcieLinkWidth(const FakeGpu* gpu, unsigned* width) {
  *width = gpu->lanes;
  return 0;
}

EXPORTED int nvmlDeviceGetNvLinkState(const FakeGpu* gpu, unsigned link, int* state) {
  const FakeLink* const one = link_of(gpu, link);
  if (one == nullptr) return kNotSupported;
  *state = one->state;
  return 0;
}

EXPORTED int nvmlDeviceGetNvLinkVersion(const FakeGpu* gpu, unsigned link, unsigned* version) {
  *version = link_of(gpu, link)->version;
  return 0;
}

EXPORTED int nvmlDeviceGetNvLinkRemotePciInfo_v2(const FakeGpu* gpu, unsigned link, nvmlPciInfo_t* pci) {
  return fill(gpu->domain, link_of(gpu, link)->remote, pci);
}

EXPORTED int nvmlDeviceGetNvLinkRemoteDeviceType(const FakeGpu* gpu, unsigned link, int* type) {
  *type = link_of(gpu, link)->type;
  return 0;
}

EXPORTED int nvmlDeviceGetFieldValues(const FakeGpu* gpu, int count, nvmlFieldValue_t* values) {
  for (int i = 0; i < count; ++i) {
    const FakeLink* const one = link_of(gpu, values[i].scopeId);
    const bool told = values[i].fieldId == 164 && one != nullptr && one->speed_mb > 0;
    values[i].nvmlReturn = told ? 0 : kNotSupported;
    values[i].valueType = 1;
    values[i].value.uiVal = told ? one->speed_mb : 0;
  }
  return 0;
}
