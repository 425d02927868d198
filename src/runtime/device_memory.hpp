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
  // The memory that `bytes` from `address` on are part of; false where it is none of these.
  bool find(const std::byte* address, size_t bytes, SharedMemory* memory) const;
  // Peers are told of it: it will never be freed, only handed on.
  void keep(const SharedMemory& memory);

 private:
  struct Place {
    DevicePort* port;
    SharedMemory memory;
  };
  mutable std::mutex mutex_;
  std::map<const std::byte*, Place> places_;  // by where they begin
};

}  // namespace coll
