#include "runtime/device_gates.hpp"

#include <new>

namespace coll {

namespace {
constexpr size_t kAtOnce = 16;
}

Status DeviceGatePool::take(const DeviceOperations& operations, DeviceGate** gate) {
  while (!pop(gate)) COLL_TRY(add(operations));
  return {};
}

bool DeviceGatePool::pop(DeviceGate** gate) {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) return false;
  *gate = free_.back();
  free_.pop_back();
  return true;
}

Status DeviceGatePool::add(const DeviceOperations& operations) {
  void* memory = nullptr;
  COLL_TRY(operations.allocate_pinned(kAtOnce * sizeof(DeviceGate), &memory));
  auto* const made = new (memory) DeviceGate[kAtOnce]{};
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < kAtOnce; ++i) free_.push_back(made + i);
  return {};
}

void DeviceGatePool::give_back(DeviceGate* gate) {
  gate->opened = gate->now_passed();  // also where some of it has never been waited for
  const std::lock_guard lock(mutex_);
  free_.push_back(gate);
}

}  // namespace coll
