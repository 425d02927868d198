#include "runtime/device_memory.hpp"

namespace coll {

namespace {

Status find_device(const DeviceOperations& operations, int device, DeviceFacts* facts) {
  std::vector<DeviceFacts> all;
  COLL_TRY(operations.devices(&all));
  if (device < 0 || static_cast<size_t>(device) >= all.size()) {
    return {collInvalidArgument, text("device is ", device, ", and this process has ", all.size(), " (from 0 on)")};
  }
  *facts = all[static_cast<size_t>(device)];
  return {};
}

// On a stream that waits for no other: what the program has on its own may be waiting for calls still to come.
Status clear(const DeviceOperations& operations, void* memory, size_t bytes) {
  collStream_t stream = nullptr;
  COLL_TRY(operations.make_stream(&stream));
  Status cleared = operations.zero(memory, bytes, stream);
  if (cleared.ok()) cleared = operations.synchronize(stream);
  const Status dropped = operations.drop_stream(stream);
  return cleared.ok() ? dropped : cleared;
}

// What is shorter than that lies beside other memory, which nobody is to open with it.
Status take(DevicePort& port, size_t bytes, int device, SharedMemory* memory) {
  const DeviceOperations& operations = *port.known();
  if (bytes >= DeviceShares::kBlock) return port.shares().take(operations, device, bytes, memory);
  void* made = nullptr;
  COLL_TRY(operations.allocate(bytes, &made));
  *memory = {static_cast<std::byte*>(made), bytes, device};
  return {};
}

Status give_back(DevicePort& port, const SharedMemory& memory) {
  if (!memory.published) return port.known()->release(memory.memory);
  port.shares().give_back(memory);
  return {};
}

Status make_cleared(DevicePort& port, size_t bytes, int device, SharedMemory* memory) {
  COLL_TRY(take(port, bytes, device, memory));
  Status cleared = clear(*port.known(), memory->memory, bytes);
  if (!cleared.ok()) static_cast<void>(give_back(port, *memory));
  return cleared;
}

}  // namespace

Status DeviceMemories::allocate(DevicePort& port, size_t bytes, int device, void** memory) {
  std::string why_not;
  const DeviceOperations* const operations = port.open(&why_not);
  if (operations == nullptr) return {collUnsupported, text("there is no device memory: ", why_not)};
  DeviceFacts facts;
  COLL_TRY(find_device(*operations, device, &facts));
  SharedMemory made;
  const Status status = on_device(*operations, device, [&] { return make_cleared(port, bytes, device, &made); });
  if (!status.ok()) {
    return {status.code(), text("no ", bytes, " bytes on device ", device, ", which has ", facts.memory_bytes,
                                " in all (", status.message(), ")")};
  }
  const std::lock_guard lock(mutex_);
  places_[made.memory] = {&port, made};
  *memory = made.memory;
  return {};
}

Status DeviceMemories::release(void* memory, bool* found) {
  Place place{};
  {
    const std::lock_guard lock(mutex_);
    const auto at = places_.find(static_cast<const std::byte*>(memory));
    *found = at != places_.end();
    if (!*found) return {};
    place = at->second;
    places_.erase(at);
  }
  return on_device(*place.port->known(), place.memory.device, [&] { return give_back(*place.port, place.memory); });
}

bool DeviceMemories::find(const std::byte* address, size_t bytes, SharedMemory* memory) const {
  const std::lock_guard lock(mutex_);
  auto at = places_.upper_bound(address);
  if (at == places_.begin()) return false;
  const SharedMemory& its = (--at)->second.memory;
  const auto offset = static_cast<size_t>(address - its.memory);
  if (offset > its.bytes || bytes > its.bytes - offset) return false;
  *memory = its;
  return true;
}

void DeviceMemories::keep(const SharedMemory& memory) {
  const std::lock_guard lock(mutex_);
  if (const auto at = places_.find(memory.memory); at != places_.end()) at->second.memory.published = true;
}

bool DeviceMemories::empty() const {
  const std::lock_guard lock(mutex_);
  return places_.empty();
}

}  // namespace coll
