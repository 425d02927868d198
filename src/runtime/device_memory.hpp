// Memory of devices that the program has asked for, and that collMemFree() finds again.
#pragma once

#include <map>
#include <mutex>

#include "runtime/device_port.hpp"

namespace coll {

class DeviceMemories {
 public:
  // Zeroed. May wait for all work of the device.
  Status allocate(DevicePort& port, size_t bytes, int device, void** memory);
  // `found` is false where the memory is none of these, which is no failure.
  Status release(void* memory, bool* found);
  bool empty() const;

 private:
  struct Place {
    const DeviceOperations* operations;
    int device;
  };
  mutable std::mutex mutex_;
  std::map<const void*, Place> places_;
};

}  // namespace coll
