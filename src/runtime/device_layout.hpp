// What a plan's steps are on a device, as data: where a chunk's messages and values lie, and what the device is asked
// to do for each step. Nothing of it depends on what the peers do, so that a call's work can be given to the device
// before the first message has come. Where a message may be lent, from the sender's device to the receiver's, there is
// a word in pinned memory instead of an address: it is told before the step begins which of two places serves.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/call.hpp"
#include "runtime/device_line.hpp"
#include "runtime/hop.hpp"

namespace coll {

// What a word says when the device comes to it. After a failure it may be told once more, to a kernel that is about to
// look: what happened before there has happened for that kernel, too.
inline void tell(uint64_t* word, const void* address) {
  std::atomic_ref<uint64_t>(*word).store(reinterpret_cast<uint64_t>(address), std::memory_order_release);
}

// Bytes as they are, to one place or to two.
struct StepCopy {
  void* to = nullptr;
  const void* from = nullptr;
  size_t bytes = 0;
  void* also = nullptr;
};

// One step of one round, for a part that is not empty: a copy, and then a hop; mostly one of them, or neither.
struct DeviceStep {
  const Step* step;
  Shard part;
  int round;
  size_t first;                       // of those that come, in order, ...
  size_t messages;                    // ... it takes so many from this one on
  std::span<std::byte> sent{};        // what it hands on, pinned or direct, with room for a checksum behind it
  std::span<const std::byte> lent{};  // ... or in memory that receivers of the node read; empty where they cannot
  Published lent_from{};              // that memory
  bool lies_there = false;            // it is the program's, where the value is anyway
  uint64_t* told = nullptr;           // where the value has to go, so that it can be handed on
  uint64_t* read = nullptr;           // where the hop reads what is also sent on
  // Where the value is copied to for a loan; NULL where it lies there.
  const std::byte* copied_to() const { return lies_there ? nullptr : lent.data(); }
  // Where the hop reads what has come `at` some place and is sent on: a copy that lies nearer, if it `lends` one.
  const std::byte* read_at(const std::byte* at, bool lends) const { return lends ? lent.data() : at; }
  // What it hands on as a loan.
  DeviceLoan loan() const {
    const auto offset = static_cast<uint64_t>(lent.data() - lent_from.begin);
    return {.share = static_cast<uint64_t>(lent_from.number), .offset = offset, .bytes = lent.size()};
  }
  std::optional<Hop> hop{};
  std::vector<Contribution> contributions{};
  std::byte* scratch = nullptr;  // of the hop
  std::byte* also = nullptr;     // where the hop's elements go, too
  std::optional<StepCopy> copy{};
  // Last, of what is lent, for those who cannot read it there; it has to go somewhere only if it is lent.
  std::optional<StepCopy> again{};
  uint64_t* told_again = nullptr;
  bool has_work() const { return hop || copy; }
};

struct DeviceChunk {
  // Of a message that comes: pinned or direct memory; where it may be a loan, a word that is told where it is instead.
  struct Place {
    std::span<std::byte> memory;
    uint64_t* told = nullptr;
    bool direct = false;  // the memory is the device's
  };
  std::vector<Place> places;      // in the order of the steps that take them
  std::vector<DeviceStep> steps;  // in order
};

// Of one chunk in flight.
struct DeviceMemory {
  uint64_t* words = nullptr;  // of pinned memory, for late addresses
  std::byte* pinned = nullptr;
  std::byte* device = nullptr;
  std::byte* shared = nullptr;
  std::byte* direct = nullptr;  // where transports send from and receive to; the host must not touch it
  Published published{};        // `shared` is part of it
};

class DeviceLayout {
 public:
  // The call's codec is settled, and has messages of fixed size; the plan works on no bundles.
  DeviceLayout(const Call& call, std::shared_ptr<const Plan> plan, const DeviceWays& ways);

  // What a chunk needs, with one stream; no other needs more than the first.
  const DeviceRoom& room() const { return room_; }
  // The steps of a chunk, in memory of that size.
  DeviceChunk chunk(size_t chunk, const DeviceMemory& memory) const;
  // Legs on which this rank takes loans, a bit each: what it only hands on is not read by kernels.
  uint8_t legs_of_loans() const;
  const Plan& plan() const { return *plan_; }

 private:
  DeviceRoom find_room() const;

  Call call_;
  std::shared_ptr<const Plan> plan_;
  DeviceWays ways_;
  DeviceRoom room_;
};

}  // namespace coll
