// A profiler that writes down libcoll's ranges: what NVTX loads in nvtx_test. A line is a thread, "push" with depth,
// bytes and name, or "pop"; the file is the one that RANGES_FILE names.
#include <nvtx3/nvToolsExt.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

FILE* out = nullptr;
int libcoll = 0;  // its address stands for the domain
thread_local int depth = 0;

nvtxDomainHandle_t create(const char* name) {
  const bool is_it = std::strcmp(name, "libcoll") == 0;
  return is_it ? reinterpret_cast<nvtxDomainHandle_t>(&libcoll) : nullptr;
}

int push(nvtxDomainHandle_t domain, const nvtxEventAttributes_t* event) {
  if (domain != reinterpret_cast<nvtxDomainHandle_t>(&libcoll)) return -1;
  const bool counted = event->payloadType == NVTX_PAYLOAD_TYPE_UNSIGNED_INT64;
  std::fprintf(out, "%d push %d %llu %s\n", ::gettid(), depth,
               counted ? static_cast<unsigned long long>(event->payload.ullValue) : 0ULL, event->message.ascii);
  std::fflush(out);
  return depth++;
}

int pop(nvtxDomainHandle_t domain) {
  if (domain != reinterpret_cast<nvtxDomainHandle_t>(&libcoll)) return -1;
  std::fprintf(out, "%d pop\n", ::gettid());
  std::fflush(out);
  return --depth;
}

template <class Function>
void set(NvtxFunctionTable table, unsigned entry, Function* function) {
  *table[entry] = reinterpret_cast<NvtxFunctionPointer>(function);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t find) {
  const char* const path = std::getenv("RANGES_FILE");
  out = path != nullptr ? std::fopen(path, "w") : nullptr;
  const auto* callbacks = static_cast<const NvtxExportTableCallbacks*>(find(NVTX_ETID_CALLBACKS));
  NvtxFunctionTable table = nullptr;
  unsigned size = 0;
  if (out == nullptr || callbacks == nullptr) return 0;
  if (callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &table, &size) == 0) return 0;
  if (size <= NVTX_CBID_CORE2_DomainCreateA) return 0;
  set(table, NVTX_CBID_CORE2_DomainCreateA, create);
  set(table, NVTX_CBID_CORE2_DomainRangePushEx, push);
  set(table, NVTX_CBID_CORE2_DomainRangePop, pop);
  return 1;
}
