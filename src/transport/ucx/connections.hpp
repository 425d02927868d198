// The connections of one transport: an endpoint for each peer, from when it is first wanted until it ends or is lost.
#pragma once

#include <ucp/api/ucp.h>

#include <chrono>
#include <cstddef>
#include <vector>

#include "transport/ucx/operations.hpp"

namespace coll::ucx {

struct Peer {
  Account account;
  std::vector<std::byte> address;
  ucp_ep_h endpoint = nullptr;
  ucs_status_t loss = UCS_OK;  // why its connection ended
  std::chrono::steady_clock::time_point lost_at;
  std::vector<Peer*>* lost_ones = nullptr;
};

class Connections {
 public:
  // `addresses` of all ranks, by rank.
  Connections(ucp_worker_h worker, std::vector<std::vector<std::byte>> addresses);
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  std::vector<Peer>& peers() { return peers_; }
  int nranks() const { return static_cast<int>(peers_.size()); }
  // In the order of their loss.
  const std::vector<Peer*>& lost() const { return lost_; }

  bool has(int rank) const { return peers_[static_cast<size_t>(rank)].endpoint != nullptr; }
  // The peer of that rank, connected or lost.
  Peer& to(int rank) {
    Peer& peer = peers_[static_cast<size_t>(rank)];
    if (peer.endpoint == nullptr && peer.loss == UCS_OK) connect(peer);
    return peer;
  }
  // Ends the connection now, where there is one; what is being sent over it is given up.
  void close(Peer& peer);
  // Ends all connections, and lets UCX work on that until the time is over.
  void close_all(std::chrono::milliseconds limit);

 private:
  static void on_loss(void* peer, ucp_ep_h endpoint, ucs_status_t status);
  void connect(Peer& peer);

  const ucp_worker_h worker_;
  std::vector<Peer> peers_;
  std::vector<Peer*> lost_;
  std::vector<void*> closing_;  // connections that are being ended
};

}  // namespace coll::ucx
