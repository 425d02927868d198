#include <algorithm>
#include <climits>
#include <deque>
#include <set>
#include <utility>
#include <vector>

#include "transport/mpi/simulator.hpp"

namespace coll::mpi {

namespace {

constexpr int kControlTag = 1 << 30;  // data has tags below it
// Who asks so often without waiting, as a stream's program does, is answered with a test, in which time passes.
constexpr int kAsked = 4;

int own_world_rank() {
  int rank = -1;
  PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

class SimulatedTransport final : public Transport {
 public:
  explicit SimulatedTransport(CommPtr comm) : comm_(std::move(comm)) {}
  ~SimulatedTransport() override;

  std::string_view name() const override { return "mpi"; }
  bool reaches(int peer) const override { return peer >= 0 && peer < comm_->nranks(); }
  Status send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) override;
  Status receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) override;
  Status progress(bool* moved) override;
  Status send_control(int peer, const Control& control) override;
  bool poll_control(Control* control) override;
  bool abandon() override;
  bool wait() override;
  bool is_mine() const override { return own_world_rank() == world_rank_; }

 private:
  // What MPI is working on; beside requests_.
  struct Transfer {
    Request* request;  // NULL: the control message that is listened for
    int peer;
    size_t bytes;  // of a send; room of a receive
    bool receives;
  };

  struct Outgoing {
    int peer;
    uint32_t tag;
    std::span<const std::byte> message;
    Request* request;
  };

  std::string who(const char* call, int peer) const { return mpi::who(comm_->rank(), call, peer); }
  Status check(int peer, size_t bytes) const;
  Status send_waiting();
  Status listen();
  Status test();
  Status finish(size_t at, int error, const MPI_Status& status);
  void withdraw();

  CommPtr comm_;
  const int world_rank_ = own_world_rank();
  int asked_ = 0;
  bool moved_ = false;  // something was done since progress() told so
  Status failure_;      // found while waiting
  Control incoming_{};
  std::deque<Control> controls_in_;
  std::deque<Outgoing> waiting_;  // behind another message to the same peer
  std::vector<MPI_Request> requests_;
  std::vector<Transfer> transfers_;
};

Status SimulatedTransport::check(int peer, size_t bytes) const {
  if (reaches(peer) && bytes <= INT_MAX) return {};
  return {collInternalError, text(who("a message", peer), ": ", bytes, " bytes are more than MPI can do")};
}

Status SimulatedTransport::send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) {
  COLL_TRY(check(peer, message.size()));
  waiting_.push_back({peer, tag, message, request});
  asked_ = 0;
  return send_waiting();
}

// What goes to one peer goes one message after another, as on a connection; a simulator would let them share the link.
Status SimulatedTransport::send_waiting() {
  std::set<int> busy;
  for (const Transfer& each : transfers_) {
    if (!each.receives) busy.insert(each.peer);
  }
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (!busy.insert(at->peer).second) {
      ++at;
      continue;
    }
    MPI_Request made = MPI_REQUEST_NULL;
    COLL_TRY(to_status(PMPI_Isend(at->message.data(), static_cast<int>(at->message.size()), MPI_BYTE, at->peer,
                                  static_cast<int>(at->tag), comm_->get(), &made),
                       who("MPI_Isend", at->peer)));
    requests_.push_back(made);
    transfers_.push_back({at->request, at->peer, at->message.size(), false});
    at = waiting_.erase(at);
  }
  return {};
}

Status SimulatedTransport::receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) {
  const size_t room = std::min(buffer.size(), size_t{INT_MAX});
  COLL_TRY(check(peer, room));
  MPI_Request made = MPI_REQUEST_NULL;
  COLL_TRY(to_status(
      PMPI_Irecv(buffer.data(), static_cast<int>(room), MPI_BYTE, peer, static_cast<int>(tag), comm_->get(), &made),
      who("MPI_Irecv", peer)));
  requests_.push_back(made);
  transfers_.push_back({request, peer, room, true});
  asked_ = 0;
  return {};
}

// One receive is always posted for the news of the other ranks, from the first wait on.
Status SimulatedTransport::listen() {
  const auto listens = [](const Transfer& t) { return t.request == nullptr; };
  if (std::any_of(transfers_.begin(), transfers_.end(), listens)) return {};
  MPI_Request made = MPI_REQUEST_NULL;
  COLL_TRY(
      to_status(PMPI_Irecv(&incoming_, sizeof incoming_, MPI_BYTE, MPI_ANY_SOURCE, kControlTag, comm_->get(), &made),
                "listening for control messages"));
  requests_.insert(requests_.begin(), made);
  transfers_.insert(transfers_.begin(), {nullptr, -1, sizeof incoming_, true});
  return {};
}

bool SimulatedTransport::wait() {
  if (transfers_.empty() || !failure_.ok()) return false;
  failure_ = listen();
  if (!failure_.ok()) return true;
  int at = MPI_UNDEFINED;
  MPI_Status status;
  const int error = PMPI_Waitany(static_cast<int>(requests_.size()), requests_.data(), &at, &status);
  if (at == MPI_UNDEFINED) {
    failure_ = to_status(error != MPI_SUCCESS ? error : MPI_ERR_REQUEST, "MPI_Waitany");
  } else {
    failure_ = finish(static_cast<size_t>(at), error, status);
  }
  asked_ = 0;
  return true;
}

Status SimulatedTransport::finish(size_t at, int error, const MPI_Status& status) {
  const Transfer done = transfers_[at];
  transfers_.erase(transfers_.begin() + static_cast<std::ptrdiff_t>(at));
  requests_.erase(requests_.begin() + static_cast<std::ptrdiff_t>(at));
  const bool truncated = error == MPI_ERR_TRUNCATE;
  if (error != MPI_SUCCESS && !truncated) return to_status(error, who("a message", done.peer));
  if (done.request == nullptr) {
    controls_in_.push_back(incoming_);
    return {};
  }
  int bytes = static_cast<int>(done.bytes);
  if (done.receives && !truncated) PMPI_Get_count(&status, MPI_BYTE, &bytes);
  done.request->bytes = static_cast<size_t>(bytes);
  done.request->truncated = truncated;
  done.request->done = true;
  moved_ = true;
  return done.receives ? Status() : send_waiting();
}

// SMPI's MPI_Testany passes over short sends, which are done once they have begun; its MPI_Test does not.
Status SimulatedTransport::test() {
  MPI_Status status;
  int found = 0;
  for (size_t i = 0; i < transfers_.size(); ++i) {
    if (transfers_[i].receives) continue;
    const int error = PMPI_Test(&requests_[i], &found, &status);
    if (found != 0 || error != MPI_SUCCESS) return finish(i, error, status);
  }
  int at = MPI_UNDEFINED;
  const int error = PMPI_Testany(static_cast<int>(requests_.size()), requests_.data(), &at, &found, &status);
  if (at != MPI_UNDEFINED && (found != 0 || error != MPI_SUCCESS)) {
    return finish(static_cast<size_t>(at), error, status);
  }
  return to_status(error, "MPI_Testany");
}

Status SimulatedTransport::progress(bool* moved) {
  if (++asked_ > kAsked && failure_.ok() && !transfers_.empty()) {
    COLL_TRY(listen());
    COLL_TRY(test());
  }
  *moved |= std::exchange(moved_, false);
  return std::exchange(failure_, Status());
}

// A simulator takes what is as short as this at once.
Status SimulatedTransport::send_control(int peer, const Control& control) {
  COLL_TRY(check(peer, sizeof control));
  return to_status(PMPI_Send(&control, sizeof control, MPI_BYTE, peer, kControlTag, comm_->get()),
                   who("MPI_Send", peer));
}

bool SimulatedTransport::poll_control(Control* control) {
  if (controls_in_.empty()) return false;
  *control = controls_in_.front();
  controls_in_.pop_front();
  return true;
}

// Receives that nothing has come for end here; sends are the simulator's.
void SimulatedTransport::withdraw() {
  for (size_t i = 0; i < requests_.size(); ++i) {
    if (transfers_[i].receives) PMPI_Cancel(&requests_[i]);
    PMPI_Request_free(&requests_[i]);
  }
  requests_.clear();
  transfers_.clear();
  waiting_.clear();
}

bool SimulatedTransport::abandon() {
  const bool in_use = !transfers_.empty();
  comm_->leak();
  withdraw();
  return in_use;
}

SimulatedTransport::~SimulatedTransport() {
  int finalised = 0;
  PMPI_Finalized(&finalised);
  if (finalised != 0) {
    comm_->leak();
  } else {
    withdraw();
  }
}

}  // namespace

std::unique_ptr<Transport> make_simulated(CommPtr comm) {
  return std::make_unique<SimulatedTransport>(std::move(comm));
}

}  // namespace coll::mpi
