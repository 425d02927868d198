// The way to the devices of this machine: libcoll_cuda.so, opened when it is first needed and there is a driver.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "device/operations.hpp"
#include "runtime/device_gates.hpp"
#include "runtime/device_shares.hpp"

namespace coll {

// Opens the driver and the module. collUnsupported says in words why there is none: no driver, one that is too old, no
// device, no module beside libcoll.so.
Status open_devices(std::unique_ptr<DeviceOperations>* operations);

class DevicePort {
 public:
  DevicePort() = default;
  // With these operations, whatever the machine has: for tests.
  explicit DevicePort(std::unique_ptr<DeviceOperations> operations);

  // Device memory exists only in processes that have loaded the driver. NULL in others, which are left without one, and
  // where the module cannot be had; `why_not` (may be NULL) says which.
  DeviceOperations* operations(std::string* why_not = nullptr);
  // As operations(), and loads the driver where that has not been done: for who asks for a device by its number.
  DeviceOperations* open(std::string* why_not);
  // As operations(), without looking for what has not been found yet: costs next to nothing.
  DeviceOperations* known() const { return known_.load(std::memory_order_acquire); }
  DeviceGatePool& gates() { return gates_; }
  DeviceShares& shares() { return shares_; }

 private:
  void try_to_open();

  std::mutex mutex_;
  bool tried_ = false;
  unsigned long long looked_at_ = 0;  // libraries loaded, none of which was the driver
  Status opened_;
  std::unique_ptr<DeviceOperations> operations_;
  DeviceGatePool gates_;
  DeviceShares shares_;
  std::atomic<DeviceOperations*> known_{nullptr};
};

// Runs `body` with the device as this thread's current one, and puts the thread back where it was.
template <class Body>
Status on_device(const DeviceOperations& operations, int device, const Body& body) {
  DevicePlace before;
  COLL_TRY(operations.use(device, &before));
  const Status status = body();
  const Status back = operations.leave(before);
  return status.ok() ? back : status;
}

}  // namespace coll
