#include "transport/mpi/mpi_transport.hpp"

#include <algorithm>
#include <climits>
#include <deque>
#include <type_traits>
#include <utility>
#include <vector>

#include "transport/mpi/simulator.hpp"
#include "transport/mpi/transfers.hpp"

namespace coll::mpi {

namespace {

constexpr int kControlTag = 1 << 30;

bool thread_multiple() {
  int level = MPI_THREAD_SINGLE;
  return PMPI_Query_thread(&level) == MPI_SUCCESS && level == MPI_THREAD_MULTIPLE;
}
constexpr int kMostArrivals = 64;   // taken by one progress(), so that it returns
constexpr int kLastControls = 100;  // looks at unfinished control sends before they are leaked

struct Packet {
  uint64_t nonce;
  Control control;
};
static_assert(sizeof(Packet) == 264 && std::is_trivially_copyable_v<Packet>);

struct ControlSend {
  MPI_Request request = MPI_REQUEST_NULL;
  Packet packet{};
};

struct Posted {
  uint32_t tag;
  std::span<std::byte> buffer;
  Request* request;
};

// A message that MPI has matched for us but not delivered yet.
struct Arrival {
  uint32_t tag;
  size_t bytes;
  MPI_Message message;
};

struct Inbox {
  std::vector<Posted> posted;
  std::deque<Arrival> unclaimed;
};

class MpiTransport final : public Transport {
 public:
  MpiTransport(CommPtr comm, uint64_t nonce)
      : comm_(std::move(comm)), nonce_(nonce), inboxes_(static_cast<size_t>(comm_->nranks())) {}
  ~MpiTransport() override;

  std::string_view name() const override { return "mpi"; }
  bool reaches(int peer) const override { return peer >= 0 && peer < comm_->nranks(); }
  Status send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) override;
  Status receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) override;
  Status progress(bool* moved) override;
  Status send_control(int peer, const Control& control) override;
  bool poll_control(Control* control) override;
  bool abandon() override;
  bool any_thread() const override { return any_thread_; }

 private:
  std::string who(const char* call, int peer) const { return mpi::who(comm_->rank(), call, peer); }
  Status check(int peer, uint32_t tag, size_t bytes) const;
  Status take_arrivals(bool* moved);
  Status take(const MPI_Status& envelope, MPI_Message message);
  Status take_control(MPI_Message message);
  Status start_receive(int peer, const Posted& posted, Arrival arrival);
  bool controls_sent();
  void leak_everything();
  bool nothing_unclaimed() const {
    return std::all_of(inboxes_.begin(), inboxes_.end(), [](const Inbox& inbox) { return inbox.unclaimed.empty(); });
  }

  CommPtr comm_;
  uint64_t nonce_;
  bool any_thread_ = thread_multiple();
  bool abandoned_ = false;
  std::vector<Inbox> inboxes_;  // by peer
  Transfers transfers_{comm_->rank()};
  std::deque<std::unique_ptr<ControlSend>> controls_out_;
  std::deque<Control> controls_in_;
};

Status MpiTransport::check(int peer, uint32_t tag, size_t bytes) const {
  if (!reaches(peer)) return {collInvalidArgument, text(who("transport mpi", -1), " does not reach rank ", peer)};
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
  transfers_.add(made, {request, peer, message.size()});
  return {};
}

Status MpiTransport::receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) {
  COLL_TRY(check(peer, tag, 0));
  Inbox& inbox = inboxes_[static_cast<size_t>(peer)];
  const auto early =
      std::find_if(inbox.unclaimed.begin(), inbox.unclaimed.end(), [&](const Arrival& a) { return a.tag == tag; });
  if (early == inbox.unclaimed.end()) {
    inbox.posted.push_back({tag, buffer, request});
    return {};
  }
  const Arrival arrival = *early;
  inbox.unclaimed.erase(early);
  return start_receive(peer, {tag, buffer, request}, arrival);
}

Status MpiTransport::start_receive(int peer, const Posted& posted, Arrival arrival) {
  Transfer transfer{posted.request, peer, arrival.bytes, posted.buffer, nullptr};
  std::byte* to = posted.buffer.data();
  if (arrival.bytes > posted.buffer.size()) {
    transfer.scratch = std::make_unique_for_overwrite<std::byte[]>(arrival.bytes);
    to = transfer.scratch.get();
  }
  MPI_Request made = MPI_REQUEST_NULL;
  COLL_TRY(to_status(PMPI_Imrecv(to, static_cast<int>(arrival.bytes), MPI_BYTE, &arrival.message, &made),
                     who("MPI_Imrecv", peer)));
  transfers_.add(made, std::move(transfer));
  return {};
}

Status MpiTransport::progress(bool* moved) {
  COLL_TRY(take_arrivals(moved));
  controls_sent();
  return abandoned_ ? Status() : transfers_.finish(moved);
}

Status MpiTransport::take_arrivals(bool* moved) {
  for (int taken = 0; taken < kMostArrivals; ++taken) {
    int found = 0;
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Status envelope;
    COLL_TRY(to_status(
        PMPI_Improbe(MPI_ANY_SOURCE, abandoned_ ? kControlTag : MPI_ANY_TAG, comm_->get(), &found, &message, &envelope),
        who("MPI_Improbe", -1)));
    if (found == 0) return {};
    const bool is_control = envelope.MPI_TAG == kControlTag;
    COLL_TRY(is_control ? take_control(message) : take(envelope, message));
    *moved |= !is_control;
  }
  return {};
}

Status MpiTransport::take(const MPI_Status& envelope, MPI_Message message) {
  int bytes = 0;
  PMPI_Get_count(&envelope, MPI_BYTE, &bytes);
  const Arrival arrival{static_cast<uint32_t>(envelope.MPI_TAG), static_cast<size_t>(bytes), message};
  Inbox& inbox = inboxes_[static_cast<size_t>(envelope.MPI_SOURCE)];
  const auto match =
      std::find_if(inbox.posted.begin(), inbox.posted.end(), [&](const Posted& p) { return p.tag == arrival.tag; });
  if (match == inbox.posted.end()) {
    inbox.unclaimed.push_back(arrival);
    return {};
  }
  const Posted posted = *match;
  inbox.posted.erase(match);
  return start_receive(envelope.MPI_SOURCE, posted, arrival);
}

Status MpiTransport::take_control(MPI_Message message) {
  Packet packet{};  // small enough to be here already, so that this does not block
  COLL_TRY(to_status(PMPI_Mrecv(&packet, sizeof packet, MPI_BYTE, &message, MPI_STATUS_IGNORE),
                     who("receiving a control message", -1)));
  if (packet.nonce == nonce_) controls_in_.push_back(packet.control);
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
  const bool in_use = !transfers_.empty();
  transfers_.leak();
  for (Inbox& inbox : inboxes_) inbox = Inbox{};
  return in_use;
}

void MpiTransport::leak_everything() {
  comm_->leak();
  for (auto& out : controls_out_) static_cast<void>(out.release());
  transfers_.leak();
}

MpiTransport::~MpiTransport() {
  int finalised = 0;
  PMPI_Finalized(&finalised);
  bool sent = finalised != 0 || controls_sent();
  for (int look = 0; !sent && look < kLastControls; ++look) sent = controls_sent();
  if (finalised != 0 || !sent || !transfers_.empty() || !nothing_unclaimed()) leak_everything();
}

}  // namespace

Status make_mpi(CommPtr comm, uint64_t nonce, std::unique_ptr<Transport>* transport) {
  void* limit = nullptr;
  int known = 0;
  PMPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &limit, &known);  // MPI keeps it there alone
  if (known == 0 || *static_cast<int*>(limit) < kControlTag) {
    return {collUnsupported, text("this MPI library has too few tags: ", known == 0 ? 0 : *static_cast<int*>(limit),
                                  ", and ", kControlTag, " are needed")};
  }
  if (in_simulator()) {
    *transport = make_simulated(std::move(comm));
    return {};
  }
  *transport = std::make_unique<MpiTransport>(std::move(comm), nonce);
  return {};
}

}  // namespace coll::mpi
