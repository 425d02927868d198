#include "transport/mpi/mpi_transport.hpp"

#include <climits>
#include <cstring>
#include <deque>
#include <type_traits>
#include <utility>
#include <vector>

namespace coll::mpi {

namespace {

constexpr int kControlTag = 1 << 30;
constexpr int kLastControls = 100;  // looks at unfinished control sends before they are leaked

struct Packet {
  uint64_t nonce;
  Control control;
};
static_assert(sizeof(Packet) == 264 && std::is_trivially_copyable_v<Packet>);

struct Pending {
  Request* request;
  int peer;
  bool is_receive;
  size_t capacity;
};

struct ControlSend {
  MPI_Request request = MPI_REQUEST_NULL;
  Packet packet;
};

class MpiTransport final : public Transport {
 public:
  MpiTransport(CommPtr comm, uint64_t nonce) : comm_(std::move(comm)), nonce_(nonce) {}
  ~MpiTransport() override;

  std::string_view name() const override { return "mpi"; }
  bool reaches(int peer) const override { return peer >= 0 && peer < comm_->nranks(); }
  Status send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) override;
  Status receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) override;
  Status progress(bool* moved) override;
  Status send_control(int peer, const Control& control) override;
  bool poll_control(Control* control) override;
  bool abandon() override;

  Status listen();

 private:
  std::string who(const char* call, int peer) const {
    return text("rank ", comm_->rank(), ": ", call, peer < 0 ? "" : text(" with rank ", peer));
  }
  Status check(int peer, uint32_t tag, size_t bytes) const;
  Status progress_data(bool* moved);
  Status progress_control(bool* moved);
  Status complete(const Pending& pending, const MPI_Status& status, bool failed);
  void forget_finished();
  bool controls_sent();
  void leak_everything();

  CommPtr comm_;
  uint64_t nonce_;
  bool abandoned_ = false;
  std::vector<MPI_Request> requests_;  // beside pending_
  std::vector<Pending> pending_;
  std::vector<int> finished_;
  std::vector<MPI_Status> statuses_;
  MPI_Request listening_ = MPI_REQUEST_NULL;
  std::unique_ptr<Packet> incoming_ = std::make_unique<Packet>();  // of listening_
  std::deque<std::unique_ptr<ControlSend>> controls_out_;
  std::deque<Control> controls_in_;
};

Status MpiTransport::check(int peer, uint32_t tag, size_t bytes) const {
  if (!reaches(peer)) {
    return {collInvalidArgument, text(who("transport mpi", -1), " does not reach rank ", peer)};
  }
  if (abandoned_) return {collInvalidUsage, text(who("transport mpi", -1), " was abandoned after a failure")};
  if (tag >= static_cast<uint32_t>(kControlTag) || bytes > INT_MAX) {
    return {collInternalError, text(who("transport mpi", peer), ": tag ", tag, " or ", bytes,
                                    " bytes in one message are more than MPI can do")};
  }
  return {};
}

Status MpiTransport::send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) {
  COLL_TRY(check(peer, tag, message.size()));
  MPI_Request made = MPI_REQUEST_NULL;
  COLL_TRY(to_status(PMPI_Isend(message.data(), static_cast<int>(message.size()), MPI_BYTE, peer, static_cast<int>(tag),
                                comm_->get(), &made),
                     who("MPI_Isend", peer)));
  requests_.push_back(made);
  pending_.push_back({request, peer, false, message.size()});
  return {};
}

Status MpiTransport::receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) {
  // A buffer may be larger than MPI's int: no message is.
  const size_t capacity = std::min<size_t>(buffer.size(), INT_MAX);
  COLL_TRY(check(peer, tag, capacity));
  MPI_Request made = MPI_REQUEST_NULL;
  COLL_TRY(to_status(
      PMPI_Irecv(buffer.data(), static_cast<int>(capacity), MPI_BYTE, peer, static_cast<int>(tag), comm_->get(), &made),
      who("MPI_Irecv", peer)));
  requests_.push_back(made);
  pending_.push_back({request, peer, true, capacity});
  return {};
}

Status MpiTransport::progress(bool* moved) {
  if (!abandoned_) COLL_TRY(progress_data(moved));
  return progress_control(moved);
}

Status MpiTransport::progress_data(bool* moved) {
  if (requests_.empty()) return {};
  finished_.resize(requests_.size());
  statuses_.resize(requests_.size());
  int count = 0;
  const int result =
      PMPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &count, finished_.data(), statuses_.data());
  const bool some_failed = result == MPI_ERR_IN_STATUS;
  if (result != MPI_SUCCESS && !some_failed) return to_status(result, who("MPI_Testsome", -1));
  if (count == MPI_UNDEFINED || count == 0) return {};
  Status first;
  for (int i = 0; i < count; ++i) {
    const MPI_Status& status = statuses_[static_cast<size_t>(i)];
    Status one = complete(pending_[static_cast<size_t>(finished_[static_cast<size_t>(i)])], status, some_failed);
    if (first.ok()) first = std::move(one);
  }
  for (int i = 0; i < count; ++i) pending_[static_cast<size_t>(finished_[static_cast<size_t>(i)])].request = nullptr;
  forget_finished();
  *moved = true;
  return first;
}

// `failed`: MPI_ERROR of the status is valid.
Status MpiTransport::complete(const Pending& pending, const MPI_Status& status, bool failed) {
  int error_class = MPI_SUCCESS;
  if (failed) PMPI_Error_class(status.MPI_ERROR, &error_class);
  if (error_class != MPI_SUCCESS && error_class != MPI_ERR_TRUNCATE) {
    return to_status(status.MPI_ERROR, who(pending.is_receive ? "receiving" : "sending", pending.peer));
  }
  Request& request = *pending.request;
  request.truncated = error_class == MPI_ERR_TRUNCATE;
  request.bytes = pending.capacity;
  if (pending.is_receive && !request.truncated) {
    int count = 0;
    PMPI_Get_count(&status, MPI_BYTE, &count);
    request.bytes = static_cast<size_t>(count);
  }
  request.done = true;
  return {};
}

void MpiTransport::forget_finished() {
  size_t kept = 0;
  for (size_t i = 0; i < pending_.size(); ++i) {
    if (pending_[i].request == nullptr) continue;
    pending_[kept] = pending_[i];
    requests_[kept++] = requests_[i];
  }
  pending_.resize(kept);
  requests_.resize(kept, MPI_REQUEST_NULL);
}

Status MpiTransport::listen() {
  return to_status(
      PMPI_Irecv(incoming_.get(), sizeof(Packet), MPI_BYTE, MPI_ANY_SOURCE, kControlTag, comm_->get(), &listening_),
      who("MPI_Irecv", -1));
}

Status MpiTransport::progress_control(bool* moved) {
  while (true) {
    int arrived = 0;
    COLL_TRY(to_status(PMPI_Test(&listening_, &arrived, MPI_STATUS_IGNORE), who("receiving a control message", -1)));
    if (arrived == 0) break;
    if (incoming_->nonce == nonce_) {
      controls_in_.push_back(incoming_->control);
      *moved = true;
    }
    COLL_TRY(listen());
  }
  controls_sent();
  return {};
}

bool MpiTransport::controls_sent() {
  while (!controls_out_.empty()) {
    int sent = 0;
    if (PMPI_Test(&controls_out_.front()->request, &sent, MPI_STATUS_IGNORE) != MPI_SUCCESS || sent == 0) return false;
    controls_out_.pop_front();
  }
  return true;
}

Status MpiTransport::send_control(int peer, const Control& control) {
  if (!reaches(peer)) return check(peer, 0, 0);
  auto out = std::make_unique<ControlSend>();
  out->packet = {nonce_, control};
  COLL_TRY(to_status(PMPI_Isend(&out->packet, sizeof(Packet), MPI_BYTE, peer, kControlTag, comm_->get(), &out->request),
                     who("MPI_Isend", peer)));
  controls_out_.push_back(std::move(out));
  return {};
}

bool MpiTransport::poll_control(Control* control) {
  if (controls_in_.empty()) return false;
  *control = controls_in_.front();
  controls_in_.pop_front();
  return true;
}

bool MpiTransport::abandon() {
  abandoned_ = true;
  comm_->leak();
  requests_.clear();  // MPI keeps them, and may write into the buffers of the receives
  pending_.clear();
  return true;
}

void MpiTransport::leak_everything() {
  comm_->leak();
  static_cast<void>(incoming_.release());
  for (auto& out : controls_out_) static_cast<void>(out.release());
}

MpiTransport::~MpiTransport() {
  int finalised = 0;
  PMPI_Finalized(&finalised);
  bool sent = finalised != 0 || controls_sent();
  for (int look = 0; !sent && look < kLastControls; ++look) sent = controls_sent();
  if (finalised != 0 || abandoned_ || !pending_.empty() || !sent) {
    leak_everything();
  } else if (listening_ != MPI_REQUEST_NULL) {
    PMPI_Cancel(&listening_);
    PMPI_Wait(&listening_, MPI_STATUS_IGNORE);
  }
}

}  // namespace

Status make_mpi(CommPtr comm, uint64_t nonce, std::unique_ptr<Transport>* transport) {
  void* limit = nullptr;
  int known = 0;
  PMPI_Comm_get_attr(comm->get(), MPI_TAG_UB, &limit, &known);
  if (known == 0 || *static_cast<int*>(limit) < kControlTag) {
    return {collUnsupported, text("this MPI library has too few tags: ", known == 0 ? 0 : *static_cast<int*>(limit),
                                  ", and ", kControlTag, " are needed")};
  }
  auto made = std::make_unique<MpiTransport>(std::move(comm), nonce);
  COLL_TRY(made->listen());
  *transport = std::move(made);
  return {};
}

}  // namespace coll::mpi
