#include "device/cuda/loading.hpp"

#include <vector>

#include "device/cuda/uncaptured.hpp"
#include "device/kernels.hpp"

namespace coll::device::cuda {

namespace {

// Every hop that there is a kernel for, with addresses that stand for memory; others are refused, which is no failure.
void load_kernels_of(const CodecKernels& one) {
  constexpr size_t kMessages[] = {0, 1, 2, 3};  // what dispatch tells apart
  std::byte* const somewhere = reinterpret_cast<std::byte*>(uintptr_t{1} << 20);
  for (int type = 0; type < collNumTypes; ++type) {
    for (int op = 0; op < collNumOps; ++op) {
      for (const size_t messages : kMessages) {
        const std::vector<const void*> from(messages, somewhere);
        DeviceHop hop{one.codec, 128, static_cast<DataType>(type), static_cast<RedOp>(op), 1, 1};
        hop.messages = from;
        if (messages == 0) hop.own = somewhere;
        const auto load = [&one, &hop] { static_cast<void>(one.run(hop, {.load_only = true})); };
        hop.native = somewhere;
        load();
        for (const DataType other : {collFloat16, collBfloat16, collFloat8e4m3, collFloat8e5m2, collFloat32}) {
          if (one.codec != "none" || messages == 0) break;
          hop.message_type = other;
          load();
        }
        hop.message_type.reset();
        hop.native = nullptr;
        hop.coded = somewhere;
        load();
      }
    }
  }
}

}  // namespace

Status KernelLoader::load(int device) {
  const std::lock_guard lock(mutex_);
  if (loaded_.contains(device)) return {};
  const Uncaptured uncaptured;
  for (const CodecKernels& one : codec_kernels()) load_kernels_of(one);
  loaded_.insert(device);
  return {};
}

}  // namespace coll::device::cuda
