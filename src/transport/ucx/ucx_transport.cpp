#include "transport/ucx/ucx_transport.hpp"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "transport/ucx/connections.hpp"
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

class UcxTransport final : public Transport {
 public:
  UcxTransport(std::unique_ptr<Worker> worker, std::vector<std::vector<std::byte>> addresses, int rank);
  ~UcxTransport() override;
  Status meet(std::chrono::steady_clock::time_point deadline);

  std::string_view name() const override { return "ucx"; }
  bool any_thread() const override { return true; }  // its worker is for one thread after the other
  bool reaches(int peer) const override { return peer >= 0 && peer < connections_.nranks() && peer != rank_; }
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
  static void on_control(void* handle, ucs_status_t status, const ucp_tag_recv_info_t* info, void* transport);
  Status check(int peer) const;
  Status lost(int peer, ucs_status_t why) const;
  Status look_at_the_lost();
  void await_controls();
  void say_farewell();
  void send_controls_for(milliseconds limit);

  std::unique_ptr<Worker> worker_;
  int rank_;
  Connections connections_;
  bool abandoned_ = false;
  Operations operations_;
  Control control_in_;  // where UCX puts the next one
  void* control_receive_ = nullptr;
  std::deque<Control> controls_;
  size_t marks_ = 0;  // empty control messages that have come
};

UcxTransport::UcxTransport(std::unique_ptr<Worker> worker, std::vector<std::vector<std::byte>> addresses, int rank)
    : worker_(std::move(worker)),
      rank_(rank),
      connections_(worker_->get(), std::move(addresses)),
      operations_(worker_->registered_memory()) {
  await_controls();
}

// An empty message from each rank to each other one. UCX 1.13's TCP can end the process where a peer dies while it
// connects, so this is done here, and once; and it shows whether the ranks reach each other.
Status UcxTransport::meet(Clock::time_point deadline) {
  const auto nranks = static_cast<size_t>(connections_.nranks());
  if (nranks > kMostAcquainted) return {};
  for (int rank = 0; rank < connections_.nranks(); ++rank) {
    if (rank == rank_) continue;
    const Peer& peer = connections_.to(rank);
    if (peer.loss != UCS_OK) return lost(rank, peer.loss);
    const auto status = operations_.send_mark(peer.endpoint, kControlBit | wire_tag(rank_, 0));
    if (status != UCS_OK) return lost(rank, status);
  }
  deadline = std::min(deadline, Clock::now() + kMeeting);
  while (operations_.controls_pending() || marks_ + 1 < nranks) {
    bool moved = false;
    COLL_TRY(progress(&moved));
    if (const auto& gone = connections_.lost(); !gone.empty()) return lost(gone[0]->account.rank, gone[0]->loss);
    if (Clock::now() > deadline) {
      return {collSystemError,
              text("heard from ", marks_, " of ", nranks - 1, " ranks within ", kMeeting.count(), " ms")};
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

Status UcxTransport::send(int to, uint32_t tag, std::span<const std::byte> message, Request* request) {
  COLL_TRY(check(to));
  Peer& peer = connections_.to(to);
  if (peer.loss != UCS_OK) return lost(to, peer.loss);
  const auto status = operations_.send(peer.endpoint, wire_tag(rank_, tag), message, request, &peer.account);
  return status == UCS_OK ? Status() : lost(to, status);
}

Status UcxTransport::receive(int from, uint32_t tag, std::span<std::byte> buffer, Request* request) {
  COLL_TRY(check(from));
  Peer& peer = connections_.to(from);  // its messages may be here already, even where it is lost
  const auto status = operations_.receive(worker_->get(), wire_tag(from, tag), buffer, request, &peer.account);
  return status == UCS_OK ? Status() : lost(from, status);
}

Status UcxTransport::progress(bool* moved) {
  const size_t completed = operations_.completed();
  for (int turn = 0; turn < kMostTurns && ucp_worker_progress(worker_->get()) != 0; ++turn) continue;
  await_controls();
  if (!abandoned_) *moved |= operations_.completed() != completed;
  return connections_.lost().empty() && operations_.failed_rank() < 0 ? Status() : look_at_the_lost();
}

Status UcxTransport::look_at_the_lost() {
  for (Peer* peer : connections_.lost()) connections_.close(*peer);
  if (abandoned_) return {};
  if (operations_.failed_rank() >= 0) return lost(operations_.failed_rank(), operations_.failure());
  const auto now = Clock::now();
  for (const Peer* peer : connections_.lost()) {
    if (peer->account.pending > 0 && now - peer->lost_at > kGrace) return lost(peer->account.rank, peer->loss);
  }
  return {};
}

Status UcxTransport::send_control(int to, const Control& control) {
  if (!reaches(to)) return check(to);
  // When ranks fail together, they leave while others connect to them, which UCX 1.13's TCP can end the process over.
  if (!connections_.has(to) && !connections_.lost().empty()) return lost(to, UCS_ERR_NOT_CONNECTED);
  const Peer& peer = connections_.to(to);
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

// What was sent may still lie in UCX's buffers. An empty message behind it is taken only when they have gone out. (A
// flush would wait for the peers, and UCX 1.13's TCP ends the process where its answer comes after the connection was
// given up.)
void UcxTransport::say_farewell() {
  for (const Peer& peer : connections_.peers()) {
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
  for (Peer& peer : connections_.peers()) {
    if (abandoned_ && peer.account.pending > 0) connections_.close(peer);
  }
  // A connection that ends with unread bytes ends for the peer as well, even with bytes on their way to it.
  for (int turn = 0; turn < kMostTurns && ucp_worker_progress(worker_->get()) != 0; ++turn) continue;
  say_farewell();
  connections_.close_all(kClosing);
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
