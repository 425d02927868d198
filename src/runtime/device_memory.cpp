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

Status make_cleared(const DeviceOperations& operations, size_t bytes, void** memory) {
  COLL_TRY(operations.allocate(bytes, memory));
  Status cleared = clear(operations, *memory, bytes);
  if (!cleared.ok()) static_cast<void>(operations.release(*memory));
  return cleared;
}

}  // namespace

Status DeviceMemories::allocate(DevicePort& port, size_t bytes, int device, void** memory) {
  std::string why_not;
  const DeviceOperations* const operations = port.open(&why_not);
  if (operations == nullptr) return {collUnsupported, text("there is no device memory: ", why_not)};
  DeviceFacts facts;
  COLL_TRY(find_device(*operations, device, &facts));
  void* made = nullptr;
  const Status status = on_device(*operations, device, [&] { return make_cleared(*operations, bytes, &made); });
  if (!status.ok()) {
    return {status.code(), text("no ", bytes, " bytes on device ", device, ", which has ", facts.memory_bytes,
                                " in all (", status.message(), ")")};
  }
  const std::lock_guard lock(mutex_);
  places_[made] = {operations, device};
  *memory = made;
  return {};
}

Status DeviceMemories::release(void* memory, bool* found) {
  Place place{};
  {
    const std::lock_guard lock(mutex_);
    const auto at = places_.find(memory);
    *found = at != places_.end();
    if (!*found) return {};
    place = at->second;
    places_.erase(at);
  }
  return on_device(*place.operations, place.device, [&] { return place.operations->release(memory); });
}

bool DeviceMemories::empty() const {
  const std::lock_guard lock(mutex_);
  return places_.empty();
}

}  // namespace coll
