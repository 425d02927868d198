// An execution's part on a device: its hops are kernels, its messages lie in pinned memory, which kernels read and
// write in place.
//
// All of it is given to the device when the call is: each chunk in flight has a stream of its own, on which every step
// waits at a gate, runs, and says that it has passed. Whoever moves the execution on opens the gate when the step's
// messages are there, and calls no function of the device's.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "runtime/device_layout.hpp"
#include "runtime/plan_cache.hpp"

namespace coll {

// Whether the call's steps may run on the device: there is something to gain, and every step has its kernels. Else the
// call is staged, as those of up to `staged_bytes` are.
bool runs_on_device(const Call& call, const Selection& selection, size_t staged_bytes);
// What it needs for that.
DeviceRoom device_room(const Call& call, const Selection& selection, const DeviceWays& ways);

class DeviceWork {
 public:
  DeviceWork(std::shared_ptr<DeviceBatch> batch, const Call& call, std::shared_ptr<const Plan> plan,
             const DeviceWays& ways);
  ~DeviceWork();
  DeviceWork(const DeviceWork&) = delete;
  DeviceWork& operator=(const DeviceWork&) = delete;

  // Takes the memory and the gates that were reserved.
  Status prepare();
  // Gives the device all steps of all chunks; on the line's device, and in the order of the line's calls.
  Status give();
  size_t streams() const { return lanes_.size(); }
  uint8_t legs_of_loans() const { return layout_.legs_of_loans(); }

  // ---- For whoever moves the execution on; these ask no device
  DeviceChunk chunk(size_t chunk) const;
  // The chunk's next step that has work may begin. The number that stands for its end.
  uint32_t release(size_t chunk);
  uint32_t released(size_t chunk) const { return lane(chunk).released; }  // ... of the latest of them
  bool reached(size_t chunk, uint32_t number) const { return lane(chunk).gate->has_passed(number); }
  // Peers may read what was lent for as long as they want.
  void keep_loans() { batch_->line().keep_loans(); }
  // Nobody will release what is left: it runs as it is, on whatever is there, so that the streams come to their end.
  void give_up();

 private:
  // Of one chunk in flight: a stream, and what is the chunk's own until it has finished.
  struct Lane {
    DeviceGate* gate = nullptr;
    uint32_t begin = 0;     // what the gate has passed before
    uint32_t given = 0;     // steps, by the thread that gives
    uint32_t released = 0;  // by whoever moves on
    DeviceMemory memory{};
  };
  Lane& lane(size_t chunk) { return lanes_[chunk % lanes_.size()]; }
  const Lane& lane(size_t chunk) const { return lanes_[chunk % lanes_.size()]; }
  Status give_chunk(size_t chunk);
  Status begin_step(collStream_t stream, uint32_t first, Lane* lane) const;
  Status give_step(const DeviceStep& step, collStream_t stream) const;
  Status give_hop(const DeviceStep& step, collStream_t stream) const;
  Status give_copy(const StepCopy& copy, collStream_t stream) const;
  void tell_of_nothing(const Lane& lane) const;

  const std::shared_ptr<DeviceBatch> batch_;
  const DeviceLayout layout_;
  std::vector<Lane> lanes_;
  bool all_given_ = false;
  std::atomic<bool> given_up_{false};
};

}  // namespace coll
