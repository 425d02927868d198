// An execution's part on a device: its hops are kernels on the line's stream, its messages lie in pinned memory, which
// kernels read and write in place. Every chunk in flight has a region of both kinds of memory, which is its own until
// it has finished.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "runtime/device_line.hpp"
#include "runtime/hop.hpp"
#include "runtime/plan_cache.hpp"
#include "runtime/staging.hpp"

namespace coll {

// Whether the call's steps run on the device: there is something to gain, and every step has its kernels. Else the call
// is staged, as those of up to `staged_bytes` are.
bool runs_on_device(const Call& call, const Selection& selection, size_t staged_bytes);
// What a chunk of it needs.
DeviceRoom device_room(const Call& call, const Plan& plan);

class DeviceWork {
 public:
  DeviceWork(std::shared_ptr<DeviceBatch> batch, const DeviceRoom& room, size_t chunks_in_flight);
  // Takes the memory that was reserved.
  Status prepare();

  void start_chunk(size_t chunk);  // its region is free again
  // Empty where the region has no room left.
  Block take_pinned(size_t chunk, size_t bytes) { return take(&region(chunk).pinned, bytes); }
  Block take_device(size_t chunk, size_t bytes) { return take(&region(chunk).device, bytes); }

  // These only enqueue; what they read and write is theirs until a later ticket has been reached.
  Status run(size_t chunk, const Hop& hop, std::span<const Contribution> contributions);
  Status copy(void* to, const void* from, size_t bytes);
  Status note(uint32_t* ticket) { return batch_->line().note(ticket); }
  bool reached(uint32_t ticket) const { return batch_->line().reached(ticket); }

 private:
  struct Region {
    std::span<std::byte> pinned, device;  // what is free of them
  };
  Region& region(size_t chunk) { return free_[chunk % free_.size()]; }
  static Block take(std::span<std::byte>* from, size_t bytes);

  const std::shared_ptr<DeviceBatch> batch_;
  const DeviceRoom room_;
  std::vector<Region> all_, free_;  // by chunk in flight
};

}  // namespace coll
