// The table of the kernels that were built: one line per codec that has some.
#include "device/kernels.hpp"

namespace coll {

#define COLL_DECLARE(space)                                                 \
  namespace space {                                                         \
  Status run_on_device(const DeviceHop& hop, const device::Launch& launch); \
  }
COLL_DECLARE(reduce)
COLL_DECLARE(fp16_codec)
COLL_DECLARE(bf16_codec)
COLL_DECLARE(fp8e4m3_codec)
COLL_DECLARE(fp8e5m2_codec)
COLL_DECLARE(int8_codec)
COLL_DECLARE(int6_codec)
COLL_DECLARE(int4_codec)
#undef COLL_DECLARE

namespace device {

namespace {
constexpr CodecKernels kKernels[] = {
    {"none", reduce::run_on_device},           {"fp16", fp16_codec::run_on_device},
    {"bf16", bf16_codec::run_on_device},       {"fp8e4m3", fp8e4m3_codec::run_on_device},
    {"fp8e5m2", fp8e5m2_codec::run_on_device}, {"int8", int8_codec::run_on_device},
    {"int6", int6_codec::run_on_device},       {"int4", int4_codec::run_on_device},
};
}  // namespace

std::span<const CodecKernels> codec_kernels() { return kKernels; }

}  // namespace device
}  // namespace coll
