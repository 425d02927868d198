// What libcoll.so takes from libcoll_cuda.so.
#include <cuda_runtime_api.h>

#include <atomic>
#include <vector>

#include "device/cuda/contexts.hpp"
#include "device/cuda/error.hpp"
#include "device/cuda/events.hpp"
#include "device/cuda/flags.hpp"
#include "device/cuda/loading.hpp"
#include "device/cuda/owners.hpp"
#include "device/cuda/pinned.hpp"
#include "device/cuda/sharing.hpp"
#include "device/cuda/uncaptured.hpp"
#include "device/kernels.hpp"
#include "device/operations.hpp"

namespace coll::device::cuda {

namespace {

std::string version_text(int version) { return text(version / 1000, ".", version % 1000 / 10); }

Status facts_of(int device, DeviceFacts* facts) {
  cudaDeviceProp all{};
  COLL_TRY(checked(cudaGetDeviceProperties(&all, device), "asking for a device's properties"));
  facts->name = all.name;
  facts->compute_capability = 10 * all.major + all.minor;
  facts->processors = all.multiProcessorCount;
  facts->memory_bytes = all.totalGlobalMem;
  facts->cache_bytes = static_cast<size_t>(all.l2CacheSize);
  facts->orders_far_writes = all.gpuDirectRDMAWritesOrdering >= cudaGPUDirectRDMAWritesOrderingOwner;
  return {};
}

// What a launch asks of a device. Found once: it is needed for every kernel, and never changes.
struct Shape {
  int processors = 0;
  int compute_capability = 0;
};

Status find_shape(int device, Shape* shape) {
  const auto ask = [device](cudaDeviceAttr attribute, int* value) {
    return checked(cudaDeviceGetAttribute(value, attribute, device), "asking for a device's properties");
  };
  int major = 0, minor = 0;
  COLL_TRY(ask(cudaDevAttrMultiProcessorCount, &shape->processors));
  COLL_TRY(ask(cudaDevAttrComputeCapabilityMajor, &major));
  COLL_TRY(ask(cudaDevAttrComputeCapabilityMinor, &minor));
  shape->compute_capability = 10 * major + minor;
  return {};
}

class Operations final : public DeviceOperations {
 public:
  Status find(int driver, int devices) {
    driver_ = driver;
    shapes_.resize(static_cast<size_t>(devices));
    for (int i = 0; i < devices; ++i) COLL_TRY(find_shape(i, &shapes_[static_cast<size_t>(i)]));
    COLL_TRY(Contexts::find(&contexts_));
    COLL_TRY(Owners::find(&owners_));
    COLL_TRY(Sharing::find(&sharing_));
    return FlagOrders::find(&order_);
  }

  std::string version() const override {
    return text(version_text(CUDART_VERSION), " (the driver serves up to ", version_text(driver_), ")");
  }
  std::string kernels() const override {
    std::string codecs;
    for (const CodecKernels& one : codec_kernels()) codecs += text(codecs.empty() ? "" : ", ", one.codec);
    return text(COLL_CUDA_ARCHITECTURES, ": ", codecs);
  }
  Status devices(std::vector<DeviceFacts>* all) const override {
    int count = 0;
    COLL_TRY(checked(cudaGetDeviceCount(&count), "counting devices"));
    all->resize(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) COLL_TRY(facts_of(i, &(*all)[static_cast<size_t>(i)]));
    return {};
  }
  Status owner_of(const void* address, MemoryOwner* owner) const override { return owners_.owner_of(address, owner); }

  Status current(int* device) const override { return contexts_.current(device); }
  Status current_address(std::string* pci) const override { return contexts_.current_address(pci); }
  Status use(int device, DevicePlace* before) const override { return contexts_.use(device, before); }
  Status leave(const DevicePlace& before) const override { return contexts_.leave(before); }

  Status run(const DeviceHop& hop, collStream_t stream) const override {
    int device = 0;
    COLL_TRY(current(&device));
    const Shape& shape = shapes_.at(static_cast<size_t>(device));
    const Launch launch{.stream = stream,
                        .processors = shape.processors,
                        .compute_capability = shape.compute_capability,
                        .threads = threads_.load(),
                        .blocks_per_sm = blocks_per_sm_.load(),
                        .most_blocks = hop.most_blocks};
    for (const CodecKernels& one : codec_kernels()) {
      if (one.codec == hop.codec) return one.run(hop, launch);
    }
    return {collUnsupported, text("codec '", hop.codec, "' has no kernels")};
  }
  Status load_kernels() const override {
    int device = 0;
    COLL_TRY(current(&device));
    return loader_.load(device);
  }
  Status copy(void* to, const void* from, size_t bytes, collStream_t stream) const override {
    return checked(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream), "copying");
  }
  Status zero(void* memory, size_t bytes, collStream_t stream) const override {
    return checked(cudaMemsetAsync(memory, 0, bytes, stream), "clearing memory");
  }
  Status synchronize(collStream_t stream) const override {
    return checked(cudaStreamSynchronize(stream), "waiting for a stream");
  }

  Status query(collStream_t stream) const override {
    const Uncaptured uncaptured;
    const cudaError_t state = cudaStreamQuery(stream);
    return state == cudaErrorNotReady ? Status(collInProgress, "") : checked(state, "the work of a stream");
  }

  Status is_captured(collStream_t stream, bool* captured) const override {
    cudaStreamCaptureStatus status{};
    // The default stream is asked in vain while another one is being captured, which does not capture it.
    const cudaError_t asked = cudaStreamIsCapturing(stream, &status);
    *captured = asked == cudaErrorStreamCaptureImplicit || status != cudaStreamCaptureStatusNone;
    if (*captured) cudaGetLastError();
    return *captured ? Status() : checked(asked, "asking whether a stream is captured");
  }
  Status make_mark(std::unique_ptr<DeviceMark>* mark) const override { return cuda::make_mark(mark); }
  Status await_flag(collStream_t stream, const uint32_t* flag, uint32_t value) const override {
    return order_.await_flag(stream, flag, value);
  }
  Status set_flag(collStream_t stream, uint32_t* flag, uint32_t value) const override {
    return order_.set_flag(stream, flag, value);
  }
  Status set_then_await(collStream_t stream, uint32_t* flag, uint32_t value, const uint32_t* awaited,
                        uint32_t until) const override {
    return order_.set_then_await(stream, flag, value, awaited, until);
  }
  Status make_stream(collStream_t* stream) const override {
    const Uncaptured uncaptured;
    return checked(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking), "creating a stream");
  }
  Status drop_stream(collStream_t stream) const override {
    return checked(cudaStreamDestroy(stream), "destroying a stream");
  }

  Status allocate_pinned(size_t bytes, void** memory) const override { return pinned_.allocate(bytes, memory); }
  Status release_pinned(void* memory) const override { return pinned_.release(memory); }
  Status share(void* memory, DeviceShare* share) const override { return sharing_.share(memory, share); }
  Status open_shared(const DeviceShare& share, void** memory) const override {
    int device = 0;
    COLL_TRY(current(&device));
    return sharing_.open(share, device, memory);
  }
  Status close_shared(void* memory) const override {
    int device = 0;
    COLL_TRY(current(&device));
    return sharing_.close(memory, device);
  }

  Status allocate(size_t bytes, void** memory) const override {
    const Uncaptured uncaptured;
    return checked(cudaMalloc(memory, bytes), "allocating memory");
  }
  Status release(void* memory) const override {
    const Uncaptured uncaptured;
    return checked(cudaFree(memory), "freeing memory");
  }
  Status make_timer(std::unique_ptr<DeviceTimer>* timer) const override { return cuda::make_timer(timer); }
  void tune(int threads, int blocks_per_sm) override {
    threads_ = threads;
    blocks_per_sm_ = blocks_per_sm;
  }

 private:
  int driver_ = 0;
  std::vector<Shape> shapes_;  // by device
  Contexts contexts_;
  Owners owners_;
  FlagOrders order_;
  Sharing sharing_;
  mutable PinnedPages pinned_;
  mutable KernelLoader loader_;
  std::atomic<int> threads_{0}, blocks_per_sm_{0};
};

Status open(std::unique_ptr<DeviceOperations>* operations) {
  int driver = 0, count = 0;
  COLL_TRY(checked(cudaDriverGetVersion(&driver), "asking for the driver's version"));
  if (driver == 0) return {collUnsupported, "no NVIDIA driver is installed"};
  if (driver / 1000 < CUDART_VERSION / 1000) {
    return {collUnsupported, text("the NVIDIA driver serves CUDA up to ", version_text(driver),
                                  ", and libcoll_cuda.so needs ", CUDART_VERSION / 1000, ".0; install a newer driver")};
  }
  const cudaError_t counted = cudaGetDeviceCount(&count);
  if (counted == cudaErrorNoDevice || (counted == cudaSuccess && count == 0)) {
    cudaGetLastError();
    return {collUnsupported, "the NVIDIA driver finds no device that this process may use"};
  }
  COLL_TRY(checked(counted, "counting devices"));
  int same_address = 0;
  COLL_TRY(checked(cudaDeviceGetAttribute(&same_address, cudaDevAttrCanUseHostPointerForRegisteredMem, 0),
                   "asking how the device reaches pinned memory"));
  if (same_address == 0) return {collUnsupported, "the device does not reach pinned memory by its address"};
  auto found = std::make_unique<Operations>();
  COLL_TRY(found->find(driver, count));
  *operations = std::move(found);
  return {};
}

constexpr DeviceModule kModule{kDeviceAbi, &open};

}  // namespace

}  // namespace coll::device::cuda

extern "C" COLL_API const coll::DeviceModule* collModuleCUDA(void) { return &coll::device::cuda::kModule; }
