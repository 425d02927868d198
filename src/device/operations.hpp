// The seam between libcoll.so and libcoll_cuda.so: the one table of device operations. Tests put a host-side one in its
// place (tests/support/fake_device.hpp).
//
// All functions may be called by any thread. Streams are the device's; NULL is its default stream. Work is only
// enqueued unless a function says otherwise.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "coll/coll.h"
#include "device/hop.hpp"

namespace coll {

inline constexpr int kDeviceAbi = COLL_VERSION_CODE * 100 + 1;

enum class MemoryKind { kHost, kPinned, kManaged, kDevice };

// Whose memory an address is; `device` is -1 where it is no device's.
struct MemoryOwner {
  MemoryKind kind = MemoryKind::kHost;
  int device = -1;
  bool on_device() const { return kind == MemoryKind::kDevice || kind == MemoryKind::kManaged; }
};

struct DeviceFacts {
  std::string name;
  int compute_capability = 0;  // 90
  int processors = 0;
  size_t memory_bytes = 0;
  size_t cache_bytes = 0;  // of the last level
};

// Time between two moments of a stream, taken by the device.
class DeviceTimer {
 public:
  virtual ~DeviceTimer() = default;
  virtual Status start(collStream_t stream) = 0;
  virtual Status stop(collStream_t stream) = 0;
  // Waits until the stream has come to stop().
  virtual Status elapsed_us(double* us) = 0;
};

class DeviceOperations {
 public:
  virtual ~DeviceOperations() = default;

  virtual std::string version() const = 0;  // of runtime and driver, for people
  virtual std::string kernels() const = 0;  // which were built: architectures and codecs
  virtual Status devices(std::vector<DeviceFacts>* all) const = 0;
  virtual Status owner_of(const void* address, MemoryOwner* owner) const = 0;

  // What follows happens on this device, for the calling thread; the one before is returned.
  virtual Status use(int device, int* before) const = 0;

  virtual Status run(const DeviceHop& hop, collStream_t stream) const = 0;
  virtual Status copy(void* to, const void* from, size_t bytes, collStream_t stream) const = 0;
  virtual Status synchronize(collStream_t stream) const = 0;  // waits

  // Device memory, at once.
  virtual Status allocate(size_t bytes, void** memory) const = 0;
  virtual Status release(void* memory) const = 0;
  virtual Status make_timer(std::unique_ptr<DeviceTimer>* timer) const = 0;
  // Starts kernels with these numbers from now on, to find the best; 0: as tuned.
  virtual void tune(int threads, int blocks_per_sm) = 0;
};

// What libcoll_cuda.so exports.
struct DeviceModule {
  int abi;  // kDeviceAbi
  // collUnsupported, in words, where the driver is too old or there is no device.
  Status (*open)(std::unique_ptr<DeviceOperations>* operations);
};

}  // namespace coll

extern "C" {
COLL_API const coll::DeviceModule* collModuleCUDA(void);
}
