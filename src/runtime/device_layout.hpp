// What a plan's steps are on a device, as data: where a chunk's messages and values lie, and what the device is asked
// to do for each step. Nothing of it depends on what the peers do, so that a call's work can be given to the device
// before the first message has come.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "runtime/call.hpp"
#include "runtime/device_line.hpp"
#include "runtime/hop.hpp"

namespace coll {

// One step of one round, for a part that is not empty: a hop, then copies; it may also be neither.
struct DeviceStep {
  const Step* step;
  Shard part;
  int round;
  size_t messages;              // of those that come, in order, how many it takes
  std::span<std::byte> sent{};  // what it hands on, in pinned memory, with room for a checksum behind it
  std::optional<Hop> hop{};
  std::vector<Contribution> contributions{};
  std::byte* scratch = nullptr;  // of the hop
  std::vector<DeviceCopy> copies{};
  bool has_work() const { return hop || !copies.empty(); }
};

struct DeviceChunk {
  std::vector<std::span<std::byte>> places;  // of the messages that come, in order: pinned memory
  std::vector<DeviceStep> steps;             // in order
};

class DeviceLayout {
 public:
  // The call's codec is settled, and has messages of fixed size; the plan works on no bundles.
  DeviceLayout(const Call& call, std::shared_ptr<const Plan> plan) : call_(call), plan_(std::move(plan)) {}

  // What a chunk needs, with one stream; no other needs more than the first.
  DeviceRoom room() const;
  // The steps of a chunk, in memory of that size.
  DeviceChunk chunk(size_t chunk, std::byte* pinned, std::byte* device) const;
  const Plan& plan() const { return *plan_; }

 private:
  Call call_;
  std::shared_ptr<const Plan> plan_;
};

}  // namespace coll
