#include "runtime/tcp_bootstrap.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "runtime/tcp_server.hpp"
#include "runtime/tcp_wire.hpp"

namespace coll::tcp {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{5};
constexpr milliseconds kLongestPause{250};
constexpr milliseconds kLonelyPatience{100};  // for telling the meeting point that nobody else will come
constexpr uint64_t kMaxWords = 1 << 20;

// Runs the server on a thread of its own that takes no signals and belongs to nobody.
Status start(std::unique_ptr<Server> server) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  Status status;
  try {
    std::thread([owned = std::move(server)]() noexcept {
      try {
        owned->run();
      } catch (const std::exception&) {
        // Out of memory: the sockets close, and the ranks see that the meeting point is gone.
      }
    }).detach();
  } catch (const std::system_error& error) {
    status = Status(collSystemError, text("cannot start the bootstrap thread: ", error.what()));
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return status;
}

// The bootstrap of a communicator of one.
class LoneBootstrap final : public Bootstrap {
 public:
  int rank() const override { return 0; }
  int nranks() const override { return 1; }
  Status allgather(std::span<const std::byte> mine, std::byte* all, Clock::time_point) override {
    std::copy(mine.begin(), mine.end(), all);
    return {};
  }
};

class TcpBootstrap final : public Bootstrap {
 public:
  TcpBootstrap(Socket socket, std::string server, int nranks, int rank)
      : socket_(std::move(socket)), server_(std::move(server)), nranks_(nranks), rank_(rank) {}

  int rank() const override { return rank_; }
  int nranks() const override { return nranks_; }

  Status allgather(std::span<const std::byte> mine, std::byte* all, Clock::time_point deadline) override {
    const Exchange head{mine.size(), static_cast<uint32_t>(milliseconds_until(deadline)), 0};
    COLL_TRY(explain(send_all(socket_, std::as_bytes(std::span(&head, 1)), deadline + kGrace)));
    COLL_TRY(explain(send_all(socket_, mine, deadline + kGrace)));
    return read_answer({all, mine.size() * static_cast<size_t>(nranks_)}, deadline);
  }

  Status say_hello(const Secret& secret, Clock::time_point deadline) {
    const auto timeout_ms = static_cast<uint32_t>(milliseconds_until(deadline));
    const Hello hello{kMagic, kVersion, secret, nranks_, rank_, timeout_ms, 0};
    return explain(send_all(socket_, std::as_bytes(std::span(&hello, 1)), deadline + kGrace));
  }

  Status read_answer(std::span<std::byte> data, Clock::time_point deadline) {
    Answer head{};
    COLL_TRY(explain(receive_all(socket_, std::as_writable_bytes(std::span(&head, 1)), deadline + kGrace)));
    if (head.code != collSuccess) {
      std::string words(std::min(head.bytes, kMaxWords), '\0');
      COLL_TRY(explain(receive_all(socket_, std::as_writable_bytes(std::span(words)), deadline + kGrace)));
      return {static_cast<collResult_t>(head.code), words};
    }
    if (head.bytes != data.size()) return {collInternalError, text("bootstrap: unexpected answer from ", server_)};
    return explain(receive_all(socket_, data, deadline + kGrace));
  }

 private:
  Status explain(const Status& status) const {
    if (status.ok()) return status;
    return {status.code(),
            text("rank ", rank_, ": the unique id's meeting point at ", server_, ": ", status.message(),
                 status.code() == collTimeout ? "" : " (did its process end, or is the id not genuine?)")};
  }

  Socket socket_;
  std::string server_;
  int nranks_;
  int rank_;
};

Status connect_patiently(const Address& address, Clock::time_point deadline, Socket* socket) {
  milliseconds pause = kFirstPause;
  while (true) {
    bool retry = false;
    Status status = connect_to(address, deadline, socket, &retry);
    if (status.ok()) return status;
    if (!retry || Clock::now() + pause >= deadline) {
      return {
          retry ? collTimeout : status.code(),
          text(status.message(), ". Is the process that called collGetUniqueId still there, and can this host reach ",
               "it? COLL_BOOTSTRAP_IFNAME chooses its network interface")};
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

// Lets the thread behind the id of a communicator of one go; does no harm where it cannot.
void dismiss_server(const UniqueId& id) {
  const Clock::time_point deadline = Clock::now() + kLonelyPatience;
  Socket socket;
  bool retry = false;
  if (!connect_to(id.address, deadline, &socket, &retry).ok()) return;
  TcpBootstrap alone(std::move(socket), {}, 1, 0);
  if (alone.say_hello(id.secret, deadline).ok()) static_cast<void>(alone.read_answer({}, deadline));
}

}  // namespace

Status make_unique_id(const std::string& ifname, int timeout_ms, collUniqueId* id) {
  UniqueId made{};
  made.magic = kMagic;
  made.version = kVersion;
  if (::getrandom(made.secret.data(), made.secret.size(), 0) != static_cast<ssize_t>(made.secret.size())) {
    return {collSystemError, text("cannot get random bytes: ", std::strerror(errno))};
  }
  COLL_TRY(interface_address(ifname, &made.address));
  Socket listener;
  COLL_TRY(listen_on(&made.address, &listener));
  COLL_TRY(start(std::make_unique<Server>(std::move(listener), made.secret, timeout_ms)));
  std::memcpy(id->internal, &made, sizeof made);
  return {};
}

Status join(const collUniqueId& id, int nranks, int rank, Clock::time_point deadline,
            std::unique_ptr<Bootstrap>* bootstrap) {
  UniqueId wanted{};
  std::memcpy(&wanted, id.internal, sizeof wanted);
  if (wanted.magic != kMagic || wanted.version != kVersion) {
    return {collInvalidArgument,
            "these 128 bytes are not a unique id of this version of libcoll; hand every rank the id that "
            "collGetUniqueId made"};
  }
  if (nranks < 1 || nranks > kMaxRanks || rank < 0 || rank >= nranks) {
    return {collInvalidArgument, text("rank ", rank, " of ", nranks, " ranks is not valid")};
  }
  if (nranks == 1) {
    dismiss_server(wanted);
    *bootstrap = std::make_unique<LoneBootstrap>();
    return {};
  }
  Socket socket;
  COLL_TRY(connect_patiently(wanted.address, deadline, &socket));
  auto joined = std::make_unique<TcpBootstrap>(std::move(socket), to_string(wanted.address), nranks, rank);
  COLL_TRY(joined->say_hello(wanted.secret, deadline));
  COLL_TRY(joined->read_answer({}, deadline));
  *bootstrap = std::move(joined);
  return {};
}

}  // namespace coll::tcp
