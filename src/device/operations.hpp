// The seam between libcoll.so and libcoll_cuda.so: the one table of device operations. Tests put a host-side one in its
// place (tests/support/fake_device.hpp).
//
// All functions may be called by any thread. Streams are the device's; NULL is its default stream. Work is only
// enqueued unless a function says otherwise.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "coll/coll.h"
#include "device/hop.hpp"

namespace coll {

inline constexpr int kDeviceAbi = COLL_VERSION_CODE * 100 + 6;

enum class MemoryKind { kHost, kPinned, kManaged, kDevice };

// Whose memory an address is; `device` is -1 where it is no device's.
struct MemoryOwner {
  MemoryKind kind = MemoryKind::kHost;
  int device = -1;
  bool on_device() const { return kind == MemoryKind::kDevice || kind == MemoryKind::kManaged; }
};

// What a thread was at before use(): a context of the driver's, NULL where it had none.
struct DevicePlace {
  void* context = nullptr;
  bool left = false;  // use() has changed it
};

struct DeviceFacts {
  std::string name;
  int compute_capability = 0;  // 90
  int processors = 0;
  size_t memory_bytes = 0;
  size_t cache_bytes = 0;  // of the last level
  // What a network device has written to its memory is there for kernels that the host lets begin afterwards.
  bool orders_far_writes = false;
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

// A moment in the work of a stream.
class DeviceMark {
 public:
  virtual ~DeviceMark() = default;
  virtual Status set(collStream_t stream) = 0;  // now: behind all that the stream has been given
  // What `stream` is given from now on waits until set()'s stream has come there.
  virtual Status hold(collStream_t stream) = 0;
};

// Memory of a device as other ranks of its node name it: opaque bytes.
struct DeviceShare {
  std::array<std::byte, 128> bytes{};
};

class DeviceOperations {
 public:
  virtual ~DeviceOperations() = default;

  virtual std::string version() const = 0;  // of runtime and driver, for people
  virtual std::string kernels() const = 0;  // which were built: architectures and codecs
  virtual Status devices(std::vector<DeviceFacts>* all) const = 0;
  virtual Status owner_of(const void* address, MemoryOwner* owner) const = 0;

  virtual Status current(int* device) const = 0;  // the calling thread's
  // Its place in the machine, as "0000:14:00.0"; "" where the thread has no context, which it does not get by this.
  virtual Status current_address(std::string* pci) const = 0;
  // What the calling thread asks for from now on happens on this device, until leave() puts it back where it was. A
  // thread that was nowhere is nowhere again; no other device notices. What follows `run`, in this table, is asked for
  // at a device: elsewhere CUDA would make, and keep, a context on device 0.
  virtual Status use(int device, DevicePlace* before) const = 0;
  virtual Status leave(const DevicePlace& before) const = 0;

  virtual Status run(const DeviceHop& hop, collStream_t stream) const = 0;
  virtual Status copy(void* to, const void* from, size_t bytes, collStream_t stream) const = 0;
  virtual Status zero(void* memory, size_t bytes, collStream_t stream) const = 0;  // of the device
  virtual Status synchronize(collStream_t stream) const = 0;                       // waits
  // collInProgress while the stream has work; what went wrong with it, where anything did.
  virtual Status query(collStream_t stream) const = 0;

  // Order between streams and the host. A flag is a word of pinned memory that the host may read and write at any time.
  virtual Status is_captured(collStream_t stream, bool* captured) const = 0;  // into a graph
  virtual Status make_mark(std::unique_ptr<DeviceMark>* mark) const = 0;
  // The stream goes on when *flag is `value` or more; they count modulo 2^32.
  virtual Status await_flag(collStream_t stream, const uint32_t* flag, uint32_t value) const = 0;
  virtual Status set_flag(collStream_t stream, uint32_t* flag, uint32_t value) const = 0;
  // set_flag(), then await_flag(), as one order: a stream takes only so many at a time.
  virtual Status set_then_await(collStream_t stream, uint32_t* flag, uint32_t value, const uint32_t* awaited,
                                uint32_t until) const = 0;
  // A stream of the library's own on the current device; it waits for no other unless it is told to.
  virtual Status make_stream(collStream_t* stream) const = 0;
  virtual Status drop_stream(collStream_t stream) const = 0;

  // These may wait for all work of the device; nobody calls them who has to move that work on.
  // Loads all kernels on the current device, so that starting one waits for nothing.
  virtual Status load_kernels() const = 0;
  // Host memory that the device reaches, page-aligned.
  virtual Status allocate_pinned(size_t bytes, void** memory) const = 0;
  virtual Status release_pinned(void* memory) const = 0;
  // What open_shared() of another rank needs to reach memory that allocate() gave; it serves as long as the memory
  // does. Asked for at the memory's device. collUnsupported, in words, for memory that cannot be shared.
  virtual Status share(void* memory, DeviceShare* share) const = 0;
  // The memory as the current device reaches it, until close_shared(). collUnsupported, in words, where it does not.
  // May be called several times for one share; each is closed, before the memory is released.
  virtual Status open_shared(const DeviceShare& share, void** memory) const = 0;
  virtual Status close_shared(void* memory) const = 0;  // at the device that opened it, when no work uses it any more

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
