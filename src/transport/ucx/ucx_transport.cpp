#include "transport/ucx/ucx_transport.hpp"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "transport/ucx/operations.hpp"

namespace coll::ucx {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr uint64_t kControlBit = uint64_t{1} << 63;
constexpr int kMostTurns = 64;          // of the worker in one progress(), so that it returns
constexpr milliseconds kGrace{250};     // for messages of a peer whose connection has ended
constexpr milliseconds kFarewell{200};  // for what is still to be sent when the transport ends
constexpr milliseconds kMeeting{5000};  // for the first messages of all ranks to each other
constexpr size_t kMostAcquainted = 64;  // ranks that all connect at once; more do so when they need each other
constexpr milliseconds kLastNews{50};   // for control messages after a failure, when nobody may call progress() again
constexpr milliseconds kClosing{500};   // for the ends of the connections

uint64_t wire_tag(int from, uint32_t tag) { return static_cast<uint64_t>(from) << 32 | tag; }

struct Peer {
  Account account;
  std::vector<std::byte> address;
  ucp_ep_h endpoint = nullptr;
  ucs_status_t loss = UCS_OK;  // why its connection ended
  Clock::time_point lost_at;
  std::vector<Peer*>* lost_ones = nullptr;
};

class UcxTransport final : public Transport {
 public:
  UcxTransport(std::unique_ptr<Worker> worker, std::vector<std::vector<std::byte>> addresses, int rank);
  ~UcxTransport() override;
  Status meet(std::chrono::steady_clock::time_point deadline);

  std::string_view name() const override { return "ucx"; }
  bool any_thread() const override { return true; }  // its worker is for one thread after the other
  bool reaches(int peer) const override { return peer >= 0 && peer < static_cast<int>(peers_.size()) && peer != rank_; }
  Status send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) override;
  Status receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) override;
  Status progress(bool* moved) override;
  Status send_control(int peer, const Control& control) override;
  bool poll_control(Control* control) override;
  bool abandon() override;
  bool takes_device_memory(std::string* why_not) const override;
  Status register_device(std::span<std::byte> memory) override { return worker_->registered_memory()->add(memory); }
  void unregister_device(std::span<std::byte> memory) override { worker_->registered_memory()->remove(memory); }

 private:
  static void on_loss(void* peer, ucp_ep_h endpoint, ucs_status_t status);
  static void on_control(void* handle, ucs_status_t status, const ucp_tag_recv_info_t* info, void* transport);
  Peer& peer_of(int rank) { return peers_[static_cast<size_t>(rank)]; }
  Status check(int peer) const;
  void connect(Peer& peer);
  Status lost(int peer, ucs_status_t why) const;
  Status look_at_the_lost();
  void await_controls();
  void close(Peer& peer);
  void turn_until_done(milliseconds limit, std::vector<void*>* requests);
  void say_farewell();
  void send_controls_for(milliseconds limit);

  std::unique_ptr<Worker> worker_;
  int rank_;
  std::vector<Peer> peers_;
  std::vector<Peer*> lost_;  // in the order of their loss
  bool abandoned_ = false;
  Operations operations_;
  Control control_in_;  // where UCX puts the next one
  void* control_receive_ = nullptr;
  std::deque<Control> controls_;
  size_t marks_ = 0;            // empty control messages that have come
  std::vector<void*> closing_;  // connections that are being ended
};

UcxTransport::UcxTransport(std::unique_ptr<Worker> worker, std::vector<std::vector<std::byte>> addresses, int rank)
    : worker_(std::move(worker)), rank_(rank), peers_(addresses.size()), operations_(worker_->registered_memory()) {
  for (size_t i = 0; i < peers_.size(); ++i) {
    peers_[i].account.rank = static_cast<int>(i);
    peers_[i].address = std::move(addresses[i]);
    peers_[i].lost_ones = &lost_;
  }
  await_controls();
}

// An empty message from each rank to each other one. UCX 1.13's TCP can end the process where a peer dies while it
// connects, so this is done here, and once; and it shows whether the ranks reach each other.
Status UcxTransport::meet(Clock::time_point deadline) {
  if (peers_.size() > kMostAcquainted) return {};
  for (Peer& peer : peers_) {
    if (peer.account.rank == rank_) continue;
    connect(peer);
    if (peer.loss != UCS_OK) return lost(peer.account.rank, peer.loss);
    const auto status = operations_.send_mark(peer.endpoint, kControlBit | wire_tag(rank_, 0));
    if (status != UCS_OK) return lost(peer.account.rank, status);
  }
  deadline = std::min(deadline, Clock::now() + kMeeting);
  while (operations_.controls_pending() || marks_ + 1 < peers_.size()) {
    bool moved = false;
    COLL_TRY(progress(&moved));
    if (!lost_.empty()) return lost(lost_.front()->account.rank, lost_.front()->loss);
    if (Clock::now() > deadline) {
      return {collSystemError,
              text("heard from ", marks_, " of ", peers_.size() - 1, " ranks within ", kMeeting.count(), " ms")};
    }
    ::sched_yield();
  }
  return {};
}

Status UcxTransport::check(int peer) const {
  if (!reaches(peer)) {
    return {collInvalidArgument, text("rank ", rank_, ": transport ucx does not reach rank ", peer)};
  }
  if (abandoned_) {
    return {collInvalidUsage, text("rank ", rank_, ": transport ucx was abandoned after a failure")};
  }
  return {};
}

Status UcxTransport::lost(int peer, ucs_status_t why) const {
  return {collRemoteError, text("rank ", rank_, " has lost rank ", peer,
                                ", which has ended or cannot be reached (UCX: ", words_of(why), ")")};
}

// UCX calls this while it makes progress, where endpoints cannot be closed.
void UcxTransport::on_loss(void* of, ucp_ep_h, ucs_status_t status) {
  Peer& peer = *static_cast<Peer*>(of);
  if (peer.loss != UCS_OK) return;
  peer.loss = status;
  peer.lost_at = Clock::now();
  peer.lost_ones->push_back(&peer);
}

void UcxTransport::connect(Peer& peer) {
  if (peer.endpoint != nullptr || peer.loss != UCS_OK) return;
  ucp_ep_params_t params{};
  params.field_mask =
      UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE | UCP_EP_PARAM_FIELD_ERR_HANDLER;
  params.address = reinterpret_cast<const ucp_address_t*>(peer.address.data());
  params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
  params.err_handler.cb = &on_loss;
  params.err_handler.arg = &peer;
  ucs_status_t status = ucp_ep_create(worker_->get(), &params, &peer.endpoint);
  if (status == UCS_ERR_UNSUPPORTED || status == UCS_ERR_UNREACHABLE) {
    // A network that does not tell of dead peers; time-outs do then.
    params.err_mode = UCP_ERR_HANDLING_MODE_NONE;
    status = ucp_ep_create(worker_->get(), &params, &peer.endpoint);
  }
  if (status == UCS_OK) return;
  peer.endpoint = nullptr;
  on_loss(&peer, nullptr, status);
}

Status UcxTransport::send(int to, uint32_t tag, std::span<const std::byte> message, Request* request) {
  COLL_TRY(check(to));
  Peer& peer = peer_of(to);
  connect(peer);
  if (peer.loss != UCS_OK) return lost(to, peer.loss);
  const auto status = operations_.send(peer.endpoint, wire_tag(rank_, tag), message, request, &peer.account);
  return status == UCS_OK ? Status() : lost(to, status);
}

Status UcxTransport::receive(int from, uint32_t tag, std::span<std::byte> buffer, Request* request) {
  COLL_TRY(check(from));
  Peer& peer = peer_of(from);
  connect(peer);  // its messages may be here already, even where it is lost
  const auto status = operations_.receive(worker_->get(), wire_tag(from, tag), buffer, request, &peer.account);
  return status == UCS_OK ? Status() : lost(from, status);
}

Status UcxTransport::progress(bool* moved) {
  const size_t completed = operations_.completed();
  for (int turn = 0; turn < kMostTurns && ucp_worker_progress(worker_->get()) != 0; ++turn) continue;
  await_controls();
  if (!abandoned_) *moved |= operations_.completed() != completed;
  return lost_.empty() && operations_.failed_rank() < 0 ? Status() : look_at_the_lost();
}

Status UcxTransport::look_at_the_lost() {
  for (Peer* peer : lost_) {
    if (peer->endpoint != nullptr) close(*peer);
  }
  if (abandoned_) return {};
  if (operations_.failed_rank() >= 0) return lost(operations_.failed_rank(), operations_.failure());
  const auto now = Clock::now();
  for (const Peer* peer : lost_) {
    if (peer->account.pending > 0 && now - peer->lost_at > kGrace) return lost(peer->account.rank, peer->loss);
  }
  return {};
}

Status UcxTransport::send_control(int to, const Control& control) {
  if (!reaches(to)) return check(to);
  Peer& peer = peer_of(to);
  // When ranks fail together, they leave while others connect to them, which UCX 1.13's TCP can end the process over.
  if (peer.endpoint == nullptr && !lost_.empty()) return lost(to, UCS_ERR_NOT_CONNECTED);
  connect(peer);
  if (peer.loss != UCS_OK) return lost(to, peer.loss);
  const auto status = operations_.send(peer.endpoint, kControlBit | wire_tag(rank_, 0), control);
  if (abandoned_) send_controls_for(kLastNews);
  return status == UCS_OK ? Status() : lost(to, status);
}

void UcxTransport::on_control(void*, ucs_status_t status, const ucp_tag_recv_info_t* info, void* of) {
  auto& transport = *static_cast<UcxTransport*>(of);
  transport.marks_ += status == UCS_OK && info->length == 0 ? 1 : 0;
  if (status == UCS_OK && info->length == sizeof(Control)) transport.controls_.push_back(transport.control_in_);
}

// There is always one receive for whatever control message comes next.
void UcxTransport::await_controls() {
  while (control_receive_ == nullptr || ucp_request_check_status(control_receive_) != UCS_INPROGRESS) {
    if (control_receive_ != nullptr) ucp_request_free(control_receive_);
    ucp_request_param_t param{};
    param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FLAG_NO_IMM_CMPL;
    param.cb.recv = &on_control;
    param.user_data = this;
    void* handle = ucp_tag_recv_nbx(worker_->get(), &control_in_, sizeof control_in_, kControlBit, kControlBit, &param);
    control_receive_ = UCS_PTR_IS_PTR(handle) ? handle : nullptr;
    if (control_receive_ == nullptr) return;
  }
}

bool UcxTransport::poll_control(Control* control) {
  if (controls_.empty()) return false;
  *control = controls_.front();
  controls_.pop_front();
  return true;
}

bool UcxTransport::abandon() {
  abandoned_ = true;
  const bool still_accessed = operations_.forget(worker_->get());
  send_controls_for(kLastNews);
  return still_accessed;
}

bool UcxTransport::takes_device_memory(std::string* why_not) const {
  if (worker_->registered_memory() != nullptr) return true;
  *why_not = text("UCX ", ucp_get_version_string(), " says that it is not CUDA-aware, or not made for several threads");
  return false;
}

// Control messages wait here while their connection is being made, or its buffers are full.
void UcxTransport::send_controls_for(milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  while (operations_.controls_pending() && Clock::now() < deadline) {
    if (ucp_worker_progress(worker_->get()) == 0) ::sched_yield();
  }
}

// Ends the connection now; what is being sent over it is given up.
void UcxTransport::close(Peer& peer) {
  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
  param.flags = UCP_EP_CLOSE_FLAG_FORCE;
  void* handle = ucp_ep_close_nbx(std::exchange(peer.endpoint, nullptr), &param);
  if (UCS_PTR_IS_PTR(handle)) closing_.push_back(handle);
}

// Lets UCX work until the requests are complete, or the time is over; frees them.
void UcxTransport::turn_until_done(milliseconds limit, std::vector<void*>* requests) {
  const auto deadline = Clock::now() + limit;
  for (void* handle : *requests) {
    while (ucp_request_check_status(handle) == UCS_INPROGRESS && Clock::now() < deadline) {
      if (ucp_worker_progress(worker_->get()) == 0) ::sched_yield();
    }
    ucp_request_free(handle);
  }
  requests->clear();
}

// What was sent may still lie in UCX's buffers. An empty message behind it is taken only when they have gone out. (A
// flush would wait for the peers, and UCX 1.13's TCP ends the process where its answer comes after the connection was
// given up.)
void UcxTransport::say_farewell() {
  for (Peer& peer : peers_) {
    if (peer.endpoint == nullptr || peer.loss != UCS_OK) continue;
    static_cast<void>(operations_.send_mark(peer.endpoint, kControlBit | wire_tag(rank_, 0)));
  }
  send_controls_for(kFarewell);
}

UcxTransport::~UcxTransport() {
  static_cast<void>(operations_.forget(worker_->get()));
  if (control_receive_ != nullptr) {
    ucp_request_cancel(worker_->get(), control_receive_);
    ucp_request_free(control_receive_);
  }
  // The program may have freed what it was sending when the call failed: UCX must not read it any more.
  for (Peer& peer : peers_) {
    if (abandoned_ && peer.account.pending > 0 && peer.endpoint != nullptr) close(peer);
  }
  // A connection that ends with unread bytes ends for the peer as well, even with bytes on their way to it.
  for (int turn = 0; turn < kMostTurns && ucp_worker_progress(worker_->get()) != 0; ++turn) continue;
  say_farewell();
  for (Peer& peer : peers_) {
    if (peer.endpoint != nullptr) close(peer);
  }
  turn_until_done(kClosing, &closing_);
  worker_.reset();  // UCX calls back for what is left, before the rest goes
}

}  // namespace

Status make_ucx(std::unique_ptr<Worker> worker, std::vector<std::vector<std::byte>> addresses, int rank,
                Clock::time_point deadline, std::unique_ptr<Transport>* transport) {
  auto made = std::make_unique<UcxTransport>(std::move(worker), std::move(addresses), rank);
  COLL_TRY(made->meet(deadline));
  *transport = std::move(made);
  return {};
}

}  // namespace coll::ucx
