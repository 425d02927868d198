// Words of pinned memory by which streams of a device and the host tell each other how far they are.
//
// They outlive their user: a stream may still have to look at one when its communicator is gone. So they are never
// freed, only handed on, and their numbers go on counting: who looks late sees more than it waits for.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "device/operations.hpp"

namespace coll {

// Each in a cache line of its own.
struct DeviceFlags {
  alignas(64) uint32_t ready;   // calls that the host is through with; awaited by the stream that keeps the order
  alignas(64) uint32_t passed;  // how far that stream is
  alignas(64) uint32_t worked;  // how far the stream of the kernels is
};

class DeviceFlagPool {
 public:
  // May wait for the device.
  Status take(const DeviceOperations& operations, DeviceFlags** flags);
  void give_back(DeviceFlags* flags);

 private:
  std::mutex mutex_;
  std::vector<DeviceFlags*> free_;
};

}  // namespace coll
