// Words of pinned memory by which streams of a device and the host tell each other how far they are.
//
// A pair outlives its user: a stream of the program's may still have to look at it when its communicator is gone. So
// pairs are never freed, only handed on, and their numbers go on counting: who looks late sees more than it waits for.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "device/operations.hpp"

namespace coll {

// Each word in a cache line of its own.
struct DeviceFlags {
  alignas(64) uint32_t ended;    // set by the host, awaited by the program's stream
  alignas(64) uint32_t reached;  // set by the library's stream, read by the host
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
