// Words of pinned memory by which a stream of a device and the host tell each other how far they are.
//
// They outlive their user: a stream may still have to look at one when its communicator is gone. So they are never
// freed, only handed on, and their numbers go on counting: who looks late sees more than it waits for.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "device/operations.hpp"

namespace coll {

// Numbers count modulo 2^32.
inline bool has_come_to(uint32_t now, uint32_t then) { return static_cast<int32_t>(now - then) >= 0; }

// Of one stream. The words are in cache lines of their own.
struct DeviceGate {
  static constexpr size_t kAddresses = 512;
  alignas(64) uint32_t opened;  // by the host: what waits for this number, or one before it, may go on
  alignas(64) uint32_t passed;  // by the stream: how far it is
  // Late addresses of what the stream runs (device/late.hpp); told before the gate opens for it.
  alignas(64) std::array<uint64_t, kAddresses> addresses;

  uint32_t now_passed() const {
    return std::atomic_ref<uint32_t>(const_cast<uint32_t&>(passed)).load(std::memory_order_acquire);
  }
  bool has_passed(uint32_t number) const { return has_come_to(now_passed(), number); }
  // Sees what was written before; never closes again.
  void open(uint32_t number) {
    const std::atomic_ref<uint32_t> word(opened);
    if (!has_come_to(word.load(std::memory_order_relaxed), number)) word.store(number, std::memory_order_release);
  }
};

class DeviceGatePool {
 public:
  // Both words have the same number. May wait for the device.
  Status take(const DeviceOperations& operations, DeviceGate** gate);
  // Whose stream has passed all that it was given.
  void give_back(DeviceGate* gate);

 private:
  bool pop(DeviceGate** gate);
  Status add(const DeviceOperations& operations);

  std::mutex mutex_;  // never held while the device is asked: who moves calls on gives gates back
  std::vector<DeviceGate*> free_;
};

}  // namespace coll
