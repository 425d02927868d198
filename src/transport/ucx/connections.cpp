#include "transport/ucx/connections.hpp"

#include <sched.h>

#include <utility>

namespace coll::ucx {

using Clock = std::chrono::steady_clock;

Connections::Connections(ucp_worker_h worker, std::vector<std::vector<std::byte>> addresses)
    : worker_(worker), peers_(addresses.size()) {
  for (size_t i = 0; i < peers_.size(); ++i) {
    peers_[i].account.rank = static_cast<int>(i);
    peers_[i].address = std::move(addresses[i]);
    peers_[i].lost_ones = &lost_;
  }
}

// UCX calls this while it makes progress, where endpoints cannot be closed.
void Connections::on_loss(void* of, ucp_ep_h, ucs_status_t status) {
  Peer& peer = *static_cast<Peer*>(of);
  if (peer.loss != UCS_OK) return;
  peer.loss = status;
  peer.lost_at = Clock::now();
  peer.lost_ones->push_back(&peer);
}

void Connections::connect(Peer& peer) {
  ucp_ep_params_t params{};
  params.field_mask =
      UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE | UCP_EP_PARAM_FIELD_ERR_HANDLER;
  params.address = reinterpret_cast<const ucp_address_t*>(peer.address.data());
  params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
  params.err_handler.cb = &on_loss;
  params.err_handler.arg = &peer;
  ucs_status_t status = ucp_ep_create(worker_, &params, &peer.endpoint);
  if (status == UCS_ERR_UNSUPPORTED || status == UCS_ERR_UNREACHABLE) {
    // A network that does not tell of dead peers; time-outs do then.
    params.err_mode = UCP_ERR_HANDLING_MODE_NONE;
    status = ucp_ep_create(worker_, &params, &peer.endpoint);
  }
  if (status == UCS_OK) return;
  peer.endpoint = nullptr;
  on_loss(&peer, nullptr, status);
}

void Connections::close(Peer& peer) {
  if (peer.endpoint == nullptr) return;
  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
  param.flags = UCP_EP_CLOSE_FLAG_FORCE;
  void* handle = ucp_ep_close_nbx(std::exchange(peer.endpoint, nullptr), &param);
  if (UCS_PTR_IS_PTR(handle)) closing_.push_back(handle);
}

void Connections::close_all(std::chrono::milliseconds limit) {
  for (Peer& peer : peers_) close(peer);
  const auto deadline = Clock::now() + limit;
  for (void* handle : closing_) {
    while (ucp_request_check_status(handle) == UCS_INPROGRESS && Clock::now() < deadline) {
      if (ucp_worker_progress(worker_) == 0) ::sched_yield();
    }
    ucp_request_free(handle);
  }
  closing_.clear();
}

}  // namespace coll::ucx
