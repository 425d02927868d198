// Which ways the messages of a call's steps may go on a device: to ranks of the node as loans, to others directly from
// its memory. What may go neither way goes by pinned memory.
#pragma once

#include "runtime/device_direct.hpp"
#include "runtime/step.hpp"

namespace coll {

class DeviceRoutes {
 public:
  DeviceRoutes(const Call& call, const Plan& plan, const DeviceWays& ways) : call_(call), plan_(plan), ways_(ways) {}

  // Its message may lie where the sender's kernel has left it.
  bool may_be_loan(const Step& step, const Shard& part, int peer) const;
  // Some who receive what it makes are such as may read it on this device; others, too, get it as a message.
  bool may_be_lent(const Step& step, int round, const Shard& part) const;
  bool goes_beyond_peers(const Step& step, int round) const;  // ... of one that may be lent
  // Its message comes to device memory, in every chunk. What is sent on as it came then goes to other nodes from there,
  // or is lent to ranks of the node; it is copied to pinned memory for those who can have it neither way.
  bool comes_direct(const Step& step, int round, int peer) const;
  // What it makes is sent from device memory, in every chunk, to all who receive it.
  bool goes_direct(const Step& step, int round) const;

 private:
  template <class Is>
  bool any_receiver(const Step& step, int round, const Is& is) const;
  Shard first_part(const Step& step, int round) const { return plan_.part(plan_.shard_of(step, round), 0); }
  bool is_direct(const Step& step, int round, Wire wire, int peer) const;

  const Call& call_;
  const Plan& plan_;
  const DeviceWays ways_;
};

}  // namespace coll
