// What libcoll.so takes from libcoll_cuda.so.
#include <cuda_runtime_api.h>

#include <atomic>
#include <mutex>
#include <set>
#include <vector>

#include "device/cuda/error.hpp"
#include "device/cuda/flags.hpp"
#include "device/cuda/pinned.hpp"
#include "device/cuda/uncaptured.hpp"
#include "device/kernels.hpp"
#include "device/operations.hpp"

namespace coll::device::cuda {

namespace {

class Timer final : public DeviceTimer {
 public:
  Timer(cudaEvent_t begin, cudaEvent_t end) : begin_(begin), end_(end) {}
  ~Timer() override {
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  Status start(collStream_t stream) override { return checked(cudaEventRecord(begin_, stream), "recording an event"); }
  Status stop(collStream_t stream) override { return checked(cudaEventRecord(end_, stream), "recording an event"); }
  Status elapsed_us(double* us) override {
    float ms = 0;
    COLL_TRY(checked(cudaEventSynchronize(end_), "waiting for an event"));
    COLL_TRY(checked(cudaEventElapsedTime(&ms, begin_, end_), "reading a time"));
    *us = 1e3 * static_cast<double>(ms);
    return {};
  }

 private:
  cudaEvent_t begin_, end_;
};

class Mark final : public DeviceMark {
 public:
  explicit Mark(cudaEvent_t event) : event_(event) {}
  ~Mark() override { cudaEventDestroy(event_); }
  Mark(const Mark&) = delete;
  Mark& operator=(const Mark&) = delete;

  Status set(collStream_t stream) override { return checked(cudaEventRecord(event_, stream), "recording an event"); }
  Status hold(collStream_t stream) override {
    return checked(cudaStreamWaitEvent(stream, event_, 0), "making a stream wait");
  }

 private:
  cudaEvent_t event_;
};

std::string version_text(int version) { return text(version / 1000, ".", version % 1000 / 10); }

Status facts_of(int device, DeviceFacts* facts) {
  cudaDeviceProp all{};
  COLL_TRY(checked(cudaGetDeviceProperties(&all, device), "asking for a device's properties"));
  facts->name = all.name;
  facts->compute_capability = 10 * all.major + all.minor;
  facts->processors = all.multiProcessorCount;
  facts->memory_bytes = all.totalGlobalMem;
  facts->cache_bytes = static_cast<size_t>(all.l2CacheSize);
  return {};
}

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

class Operations final : public DeviceOperations {
 public:
  Operations(int driver, const FlagOrders& order) : driver_(driver), order_(order) {}

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
  Status owner_of(const void* address, MemoryOwner* owner) const override {
    cudaPointerAttributes attributes{};
    COLL_TRY(checked(cudaPointerGetAttributes(&attributes, address), "asking whose memory an address is"));
    switch (attributes.type) {
      case cudaMemoryTypeDevice:
        *owner = {MemoryKind::kDevice, attributes.device};
        break;
      case cudaMemoryTypeManaged:
        *owner = {MemoryKind::kManaged, attributes.device};
        break;
      case cudaMemoryTypeHost:
        *owner = {MemoryKind::kPinned, -1};
        break;
      default:
        *owner = {};
    }
    return {};
  }

  Status current(int* device) const override { return checked(cudaGetDevice(device), "asking for the current device"); }
  Status use(int device, int* before) const override {
    COLL_TRY(checked(cudaGetDevice(before), "asking for the current device"));
    return *before == device ? Status() : checked(cudaSetDevice(device), "changing the current device");
  }

  Status run(const DeviceHop& hop, collStream_t stream) const override {
    return start(hop, {stream, threads_.load(), blocks_per_sm_.load(), hop.most_blocks});
  }
  Status load_kernels() const override {
    int device = 0;
    COLL_TRY(current(&device));
    const std::lock_guard lock(mutex_);
    if (loaded_.contains(device)) return {};
    const Uncaptured uncaptured;
    for (const CodecKernels& one : codec_kernels()) load_kernels_of(one);
    loaded_.insert(device);
    return {};
  }
  Status copy(void* to, const void* from, size_t bytes, collStream_t stream) const override {
    return checked(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream), "copying");
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
  Status make_mark(std::unique_ptr<DeviceMark>* mark) const override {
    const Uncaptured uncaptured;
    cudaEvent_t event = nullptr;
    COLL_TRY(checked(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "creating an event"));
    *mark = std::make_unique<Mark>(event);
    return {};
  }
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

  Status allocate(size_t bytes, void** memory) const override {
    const Uncaptured uncaptured;
    return checked(cudaMalloc(memory, bytes), "allocating memory");
  }
  Status release(void* memory) const override {
    const Uncaptured uncaptured;
    return checked(cudaFree(memory), "freeing memory");
  }
  Status make_timer(std::unique_ptr<DeviceTimer>* timer) const override {
    cudaEvent_t begin = nullptr, end = nullptr;
    COLL_TRY(checked(cudaEventCreate(&begin), "creating an event"));
    const Status status = checked(cudaEventCreate(&end), "creating an event");
    if (!status.ok()) {
      cudaEventDestroy(begin);
      return status;
    }
    *timer = std::make_unique<Timer>(begin, end);
    return {};
  }
  void tune(int threads, int blocks_per_sm) override {
    threads_ = threads;
    blocks_per_sm_ = blocks_per_sm;
  }

 private:
  Status start(const DeviceHop& hop, const Launch& launch) const {
    for (const CodecKernels& one : codec_kernels()) {
      if (one.codec == hop.codec) return one.run(hop, launch);
    }
    return {collUnsupported, text("codec '", hop.codec, "' has no kernels")};
  }

  int driver_;
  FlagOrders order_;
  mutable PinnedPages pinned_;
  mutable std::mutex mutex_;
  mutable std::set<int> loaded_;  // devices with all kernels
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
  FlagOrders order;
  COLL_TRY(find_flag_orders(&order));
  *operations = std::make_unique<Operations>(driver, order);
  return {};
}

constexpr DeviceModule kModule{kDeviceAbi, &open};

}  // namespace

}  // namespace coll::device::cuda

extern "C" COLL_API const coll::DeviceModule* collModuleCUDA(void) { return &coll::device::cuda::kModule; }
