#include "base/ranges.hpp"

#ifdef COLL_HAS_NVTX
#include <nvtx3/nvToolsExt.h>
#endif

namespace coll {

#ifdef COLL_HAS_NVTX

namespace {

// NULL where no profiler is there; asked for once, which is what loads one.
nvtxDomainHandle_t domain() {
  static const nvtxDomainHandle_t one = nvtxDomainCreateA("libcoll");
  return one;
}

}  // namespace

const char* ranges_missing() { return ""; }

Range::Range(const char* name, uint64_t bytes) noexcept : seen_(domain() != nullptr) {
  if (!seen_) return;
  nvtxEventAttributes_t attributes = {};
  attributes.version = NVTX_VERSION;
  attributes.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
  attributes.messageType = NVTX_MESSAGE_TYPE_ASCII;
  attributes.message.ascii = name;
  if (bytes > 0) {
    attributes.payloadType = NVTX_PAYLOAD_TYPE_UNSIGNED_INT64;
    attributes.payload.ullValue = bytes;
  }
  nvtxDomainRangePushEx(domain(), &attributes);
}

Range::~Range() {
  if (seen_) nvtxDomainRangePop(domain());
}

#else

const char* ranges_missing() { return "not in this build"; }
Range::Range(const char*, uint64_t) noexcept : seen_(false) {}
Range::~Range() = default;

#endif

}  // namespace coll
