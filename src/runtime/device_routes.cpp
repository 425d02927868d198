#include "runtime/device_routes.hpp"

namespace coll {

bool DeviceRoutes::may_be_loan(const Step& step, const Shard& part, int peer) const {
  return ways_.peers != nullptr && ways_.peers->is_peer(peer) && !step.forwards() &&
         wire_bytes(call_, step.from_wire, part.count) >= kLeastLoan;
}

bool DeviceRoutes::may_be_lent(const Step& step, int round, const Shard& part) const {
  if (ways_.peers == nullptr || step.to.count == 0 || step.forwards()) return false;
  if (wire_bytes(call_, step.to_wire, part.count) < kLeastLoan) return false;
  for (int j = 0; j < step.to.count; ++j) {
    const int rank = plan_.entry(step.to, round, j);
    if (rank != plan_.rank && !ways_.peers->is_peer(rank)) return false;
  }
  return true;
}

bool DeviceRoutes::comes_direct(const Step& step, int round, int peer) const {
  if (!is_direct(step, round, step.from_wire, peer)) return false;
  if (!step.sends_on() || goes_direct(step, round)) return true;
  return step.to_output && may_be_lent(step, round, first_part(step, round));
}

bool DeviceRoutes::goes_direct(const Step& step, int round) const {
  bool any = false;
  for (int j = 0; j < step.to.count; ++j) {
    const int rank = plan_.entry(step.to, round, j);
    if (rank == plan_.rank) continue;
    if (!is_direct(step, round, step.to_wire, rank)) return false;
    any = true;
  }
  return any;
}

// Between ranks of a node, messages have ways of their own. The first chunk's message decides for all, of which the
// last may be short: what is reserved is what the first one needs.
bool DeviceRoutes::is_direct(const Step& step, int round, Wire wire, int peer) const {
  if (ways_.direct == nullptr || !call_.on_device.direct || !ways_.direct->takes(peer)) return false;
  if (ways_.peers != nullptr && ways_.peers->is_peer(peer)) return false;
  return wire_bytes(call_, wire, first_part(step, round).count) >= kLeastDirect;
}

}  // namespace coll
