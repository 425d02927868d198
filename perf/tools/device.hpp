// A GPU as a perf tool of collectives uses it: memory, a stream, and the device's own times.
#pragma once

#include <coll/coll.h>

#include <cstddef>
#include <memory>
#include <string>

#include "device/operations.hpp"
#include "device_choice.hpp"
#include "files.hpp"

namespace coll::perf {

class Device {
 public:
  // The machine's, by libcoll_cuda.so. A problem where there is none.
  static Problem open(const DeviceChoice& choice, std::unique_ptr<Device>* device);
  explicit Device(std::unique_ptr<DeviceOperations> operations) : operations_(std::move(operations)) {}
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  // Takes the device; first.
  Problem take(const DeviceChoice& choice);

  const std::string& name() const { return name_; }
  collStream_t stream() const { return stream_; }
  // At once; `from` and `to` may be memory of either side.
  Problem copy(void* to, const void* from, size_t bytes) const;
  Problem synchronize() const;
  // The stream's time from start() to stop(), which waits for it.
  Problem start() const;
  Problem stop(double* us) const;

 private:
  friend class DeviceMemory;
  std::unique_ptr<DeviceOperations> operations_;
  std::unique_ptr<DeviceTimer> timer_;
  int number_ = 0;
  std::string name_;
  collStream_t stream_ = nullptr;
};

// As a program of CUDA's allocates it, or by collMemAllocDevice(). Throws std::bad_alloc.
class DeviceMemory {
 public:
  DeviceMemory(const Device& device, size_t bytes, bool by_library);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  std::byte* data() const { return memory_; }

 private:
  const Device& device_;
  const bool by_library_;
  std::byte* memory_ = nullptr;
};

}  // namespace coll::perf
