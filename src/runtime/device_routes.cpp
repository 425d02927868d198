#include "runtime/device_routes.hpp"

namespace coll {

// Whether one of the ranks that it is sent to, which this rank is none of, is such.
template <class Is>
bool DeviceRoutes::any_receiver(const Step& step, int round, const Is& is) const {
  for (int j = 0; j < step.to.count; ++j) {
    const int rank = plan_.entry(step.to, round, j);
    if (rank != plan_.rank && is(rank)) return true;
  }
  return false;
}

bool DeviceRoutes::may_be_loan(const Step& step, const Shard& part, int peer) const {
  return ways_.peers != nullptr && ways_.peers->is_peer(peer) && !step.forwards() &&
         wire_bytes(call_, step.from_wire, part.count) >= kLeastLoan;
}

bool DeviceRoutes::may_be_lent(const Step& step, int round, const Shard& part) const {
  if (ways_.peers == nullptr || step.forwards()) return false;
  if (wire_bytes(call_, step.to_wire, part.count) < kLeastLoan) return false;
  return any_receiver(step, round, [this](int rank) { return ways_.peers->is_peer(rank); });
}

bool DeviceRoutes::goes_beyond_peers(const Step& step, int round) const {
  return any_receiver(step, round, [this](int rank) { return !ways_.peers->is_peer(rank); });
}

bool DeviceRoutes::comes_direct(const Step& step, int round, int peer) const {
  if (!is_direct(step, round, step.from_wire, peer)) return false;
  if (!step.sends_on() || goes_direct(step, round)) return true;
  return step.to_output && may_be_lent(step, round, first_part(step, round));
}

bool DeviceRoutes::goes_direct(const Step& step, int round) const {
  return any_receiver(step, round, [](int) { return true; }) &&
         !any_receiver(step, round, [&](int rank) { return !is_direct(step, round, step.to_wire, rank); });
}

// Between ranks of a node, messages have ways of their own. The first chunk's message decides for all, of which the
// last may be short: what is reserved is what the first one needs.
bool DeviceRoutes::is_direct(const Step& step, int round, Wire wire, int peer) const {
  if (ways_.direct == nullptr || !call_.on_device.direct || !ways_.direct->takes(peer)) return false;
  if (ways_.peers != nullptr && ways_.peers->is_peer(peer)) return false;
  return wire_bytes(call_, wire, first_part(step, round).count) >= kLeastDirect;
}

}  // namespace coll
