// Device memory that other ranks may have open. CUDA does not say what becomes of it where it is freed meanwhile, so it
// is never freed, only handed on.
#pragma once

#include <mutex>
#include <vector>

#include "device/operations.hpp"

namespace coll {

struct SharedMemory {
  std::byte* memory = nullptr;
  size_t bytes = 0;
  int device = -1;
  bool can_be_opened = false;
  DeviceShare share{};     // where it can be
  bool published = false;  // peers have been told of it, ever
};

class DeviceShares {
 public:
  static constexpr size_t kBlock = size_t{2} << 20;  // what CUDA shares at once: nothing else is to lie in it

  // At least so many bytes of this device, which is the current one. May wait for it.
  Status take(const DeviceOperations& operations, int device, size_t bytes, SharedMemory* shared);
  // Nobody reads or writes there any more; who has it open may keep it so.
  void give_back(const SharedMemory& shared);

 private:
  bool pop(int device, size_t bytes, bool may_waste, SharedMemory* shared);

  std::mutex mutex_;  // never held while the device is asked
  std::vector<SharedMemory> free_;
};

}  // namespace coll
