#include "runtime/device_flags.hpp"

#include <new>

namespace coll {

namespace {
constexpr size_t kAtOnce = 32;
}

Status DeviceFlagPool::take(const DeviceOperations& operations, DeviceFlags** flags) {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) {
    void* memory = nullptr;
    COLL_TRY(operations.allocate_pinned(kAtOnce * sizeof(DeviceFlags), &memory));
    auto* const made = new (memory) DeviceFlags[kAtOnce]{};
    for (size_t i = 0; i < kAtOnce; ++i) free_.push_back(made + i);
  }
  *flags = free_.back();
  free_.pop_back();
  return {};
}

void DeviceFlagPool::give_back(DeviceFlags* flags) {
  const std::lock_guard lock(mutex_);
  free_.push_back(flags);
}

}  // namespace coll
