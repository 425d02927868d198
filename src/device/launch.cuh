// Kernels on the device: a warp of 32 threads for walk.hpp, and the launch of what dispatch.hpp chose.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>

#include "device/cuda/error.hpp"
#include "device/dispatch.hpp"
#include "device/kernels.hpp"
#include "device/tuning.hpp"
#include "device/walk.hpp"

namespace coll::device {

inline constexpr int kMostThreads = 512;  // of a block: leaves 128 registers to each

// This thread's lane of its warp. Host code never runs it, but compiles what calls it.
struct DeviceWarp {
  size_t cta, ctas, in_cta, per_cta;
  int lane;

  template <typename T>
  using PerLane = T;

  COLL_HD size_t index() const { return cta * per_cta + in_cta; }
  COLL_HD size_t count() const { return ctas * per_cta; }
  template <typename T>
  COLL_HD static T& at(T& own, int) {
    return own;
  }
  template <class F>
  COLL_HD void each(const F& f) const {
    f(lane);
  }
  template <typename T, class Get>
  COLL_HD void max_of_groups(T* own, const Get& get, int lanes) const {
#if defined(__CUDA_ARCH__)
    constexpr unsigned kAll = 0xffffffffu;
    uint32_t& value = get(*own);
    if (lanes == kWarp) {
      value = __reduce_max_sync(kAll, value);
      return;
    }
    for (int distance = lanes / 2; distance > 0; distance /= 2) {
      value = max(value, __shfl_xor_sync(kAll, value, distance));
    }
#endif
  }
};

template <int kUnroll, class Kernel>
__global__ void __launch_bounds__(kMostThreads) hop_on_device(const __grid_constant__ Kernel kernel) {
  const DeviceWarp warp{blockIdx.x, gridDim.x, threadIdx.x / kWarp, blockDim.x / kWarp,
                        static_cast<int>(threadIdx.x % kWarp)};
  extern __shared__ uint64_t table[];  // so that words, which are beyond the bus, are read once for all threads
  Addresses<Kernel>::fill(kernel, threadIdx.x, blockDim.x, table);
  __syncthreads();
  walk<kUnroll>(warp, kernel, Addresses<Kernel>(table));
}

class Launcher {
 public:
  explicit Launcher(const Launch& launch) : launch_(launch) {}

  template <class Kernel>
  Status operator()(const Kernel& kernel) const {
    constexpr int kUnroll = unroll_of<Kernel>();
    if (launch_.load_only) {
      cudaFuncAttributes attributes;  // asking for them loads the kernel
      return cuda::checked(cudaFuncGetAttributes(&attributes, hop_on_device<kUnroll, Kernel>), "loading a kernel");
    }
    if (kernel.count == 0 && !Kernel::kScaled) return {};
    const Tunables tuned = tunables();
    const auto warps = static_cast<size_t>(tuned.threads / kWarp);
    const size_t unit_turns = (kernel.units + kWarp * kUnroll - 1) / (kWarp * kUnroll);
    const size_t element_turns = (kernel.count - kernel.whole + kernel.block - 1) / kernel.block;
    const size_t wanted = (std::max(unit_turns, element_turns) + warps - 1) / warps;
    size_t most = static_cast<size_t>(launch_.processors) * static_cast<size_t>(tuned.blocks_per_sm);
    if (launch_.most_blocks > 0) most = std::min(most, static_cast<size_t>(launch_.most_blocks));
    const auto blocks = static_cast<unsigned>(std::clamp<size_t>(wanted, 1, most));
    const size_t table_bytes = Addresses<Kernel>::table_size(kernel) * sizeof(uint64_t);
    hop_on_device<kUnroll><<<blocks, static_cast<unsigned>(tuned.threads), table_bytes, launch_.stream>>>(kernel);
    return cuda::checked(cudaGetLastError(), "starting a kernel");
  }

  Status copy(const void* from, void* to, size_t bytes) const {
    if (bytes == 0 || from == to || launch_.load_only) return {};
    return cuda::checked(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, launch_.stream), "copying");
  }

 private:
  Tunables tunables() const {
    Tunables tuned = tunables_of(launch_.compute_capability);
    if (launch_.threads > 0) tuned.threads = launch_.threads;
    if (launch_.blocks_per_sm > 0) tuned.blocks_per_sm = launch_.blocks_per_sm;
    return tuned;
  }

  Launch launch_;
};

}  // namespace coll::device
