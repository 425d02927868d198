// The fabric of one communicator: which transport reaches which rank, and everything that is done to all of them.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/arena.hpp"
#include "transport/transport.hpp"

namespace coll {

class Fabric {
 public:
  explicit Fabric(int nranks) : route_(static_cast<size_t>(nranks), nullptr) {}

  // Later transports serve only ranks that no earlier one reaches: add the nearest first.
  void add(std::unique_ptr<Transport> transport, int own_rank);
  bool reaches(int peer) const { return route_[static_cast<size_t>(peer)] != nullptr; }
  Transport& to(int peer) const { return *route_[static_cast<size_t>(peer)]; }
  std::vector<std::string_view> names() const;  // of the transports in use

  // Memory that `peer` can read where it lies; NULL where it has to be sent copies.
  Arena* arena(int peer);
  // The board of a communicator whose ranks all share one node; else NULL.
  Board* board() const { return transports_.size() == 1 ? transports_.front()->board() : nullptr; }

  // The notices of `rank`, this one or a peer, by the transport that reaches it; this rank's own by the first transport
  // that has some, so that peers reached by another do not see them. Empty where there are none.
  std::span<std::byte> notices(int rank);

  Status progress(bool* moved);
  void send_control_to_all(Control control, int own_rank);  // best effort
  bool poll_control(Control* control) {
    for (const auto& transport : transports_) {
      if (transport->poll_control(control)) return true;
    }
    return false;
  }
  bool abandon();
  size_t memory_bytes() const;
  bool any_thread() const;  // of all transports in use
  bool wait();              // as Transport::wait(), where one transport serves all peers
  bool is_mine() const;     // as Transport::is_mine()

 private:
  std::vector<std::unique_ptr<Transport>> transports_;
  std::vector<Transport*> route_;
  std::map<Transport*, std::shared_ptr<Arena>> arenas_;  // of those that were asked for; NULL: has none
};

}  // namespace coll
