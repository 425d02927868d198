#include "runtime/tcp_server.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace coll::tcp {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStrangerPatience{5000};  // to send a whole Hello
constexpr milliseconds kFarewell{5000};          // for a client to read why it failed
constexpr milliseconds kNoDescriptorsPause{100};
constexpr size_t kMaxStrangers = 256;
constexpr size_t kMaxNamedRanks = 16;

// Takes the same time wherever the first difference is.
bool equal(const Secret& a, const Secret& b) {
  unsigned difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

template <typename T>
T parse(const std::vector<std::byte>& bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace

Server::Server(Socket listener, const Secret& secret, int timeout_ms)
    : listener_(std::move(listener)), secret_(secret), deadline_(Clock::now() + milliseconds(timeout_ms)) {
  round_.deadline = deadline_;
  round_.timeout_ms = timeout_ms;
}

void Server::run() {
  while (!finished()) {
    wait_and_serve();
    expire();
  }
}

bool Server::finished() const {
  if (!failure_.ok())
    return Clock::now() >= linger_until_ || (nranks_ > 0 && told_ >= members_.size() && connections_.empty());
  return joined_ && connections_.empty();
}

Clock::time_point Server::next_deadline() const {
  Clock::time_point next = failure_.ok() ? round_.deadline : linger_until_;
  for (const Connection& c : connections_) {
    if (c.stage == Stage::kHello || c.stage == Stage::kDone) next = std::min(next, c.deadline);
  }
  if (accept_after_ > Clock::now()) next = std::min(next, accept_after_);
  return next;
}

void Server::wait_and_serve() {
  std::vector<pollfd> polled;
  std::vector<Connection*> owners;
  const auto strangers =
      std::count_if(connections_.begin(), connections_.end(), [](const auto& c) { return c.stage == Stage::kHello; });
  const bool accepting = static_cast<size_t>(strangers) < kMaxStrangers && Clock::now() >= accept_after_;
  polled.push_back({listener_.fd(), static_cast<short>(accepting ? POLLIN : 0), 0});
  for (Connection& c : connections_) {
    polled.push_back({c.socket.fd(), static_cast<short>(POLLIN | (c.out.empty() ? 0 : POLLOUT)), 0});
    owners.push_back(&c);
  }
  if (::poll(polled.data(), polled.size(), milliseconds_until(next_deadline())) <= 0) return;
  for (size_t i = 0; i < owners.size(); ++i) {
    Connection& c = *owners[i];
    if ((polled[i + 1].revents & POLLOUT) != 0 && !flush(c)) lose(c);
    if (c.socket.open() && (polled[i + 1].revents & ~POLLOUT) != 0) receive(c);
  }
  connections_.remove_if([](const Connection& c) { return !c.socket.open(); });
  if ((polled[0].revents & POLLIN) != 0) accept_all();
}

void Server::accept_all() {
  while (true) {
    Socket accepted = accept_from(listener_);
    if (!accepted.open()) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) accept_after_ = Clock::now() + kNoDescriptorsPause;
      return;
    }
    Connection& c = connections_.emplace_back();
    c.socket = std::move(accepted);
    c.deadline = Clock::now() + kStrangerPatience;
  }
}

void Server::receive(Connection& c) {
  switch (c.stage) {
    case Stage::kHello:
      if (receive_head(c, sizeof(Hello))) hello(c, parse<Hello>(std::exchange(c.head, {})));
      return;
    case Stage::kIdle:
      if (receive_head(c, sizeof(Exchange))) exchange(c, parse<Exchange>(std::exchange(c.head, {})));
      return;
    case Stage::kPayload:
      if (receive_payload(c)) arrive(c);
      return;
    case Stage::kWaiting:
    case Stage::kDone: {
      std::byte ignored[4096];
      if (receive_some(c.socket, ignored) < 0) lose(c);
      return;
    }
  }
}

bool Server::receive_head(Connection& c, size_t wanted) {
  const size_t before = c.head.size();
  c.head.resize(wanted);
  const ssize_t got = receive_some(c.socket, std::span(c.head).subspan(before));
  c.head.resize(before + static_cast<size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0) lose(c);
  return c.head.size() == wanted;
}

bool Server::receive_payload(Connection& c) {
  const size_t end = static_cast<size_t>(c.rank + 1) * round_.bytes;
  const ssize_t got = receive_some(c.socket, std::span(*round_.data).subspan(end - c.payload_left, c.payload_left));
  if (got < 0) {
    lose(c);
    return false;
  }
  c.payload_left -= static_cast<size_t>(got);
  return c.payload_left == 0;
}

bool Server::flush(Connection& c) {
  while (!c.out.empty()) {
    const ssize_t sent = send_some(c.socket, std::span(*c.out.front()).subspan(c.out_sent));
    if (sent < 0) return false;
    c.out_sent += static_cast<size_t>(sent);
    if (c.out_sent < c.out.front()->size()) return true;
    c.out.pop_front();
    c.out_sent = 0;
  }
  return true;
}

void Server::hello(Connection& c, const Hello& said) {
  if (said.magic != kMagic || said.version != kVersion || !equal(said.secret, secret_)) {
    c.socket.close();  // a stranger learns nothing
    return;
  }
  if (!failure_.ok()) return tell(c, failure_);
  if (said.nranks < 1 || said.nranks > kMaxRanks || said.rank < 0 || said.rank >= said.nranks) {
    return tell(c, {collInvalidArgument, text("rank ", said.rank, " of ", said.nranks, " ranks is not valid")});
  }
  if (nranks_ == 0) {
    nranks_ = said.nranks;
    first_rank_ = said.rank;
    members_.resize(static_cast<size_t>(nranks_));
    round_.here.resize(members_.size());
  }
  if (said.nranks != nranks_) {
    Status differs(collInvalidUsage, text("the ranks disagree about the size of the communicator: rank ", said.rank,
                                          " says ", said.nranks, " ranks, rank ", first_rank_, " says ", nranks_));
    tell(c, differs);
    return fail(std::move(differs));
  }
  const auto rank = static_cast<size_t>(said.rank);
  if (joined_ || members_[rank] != nullptr) {
    return tell(c, {collInvalidUsage, text("rank ", said.rank, " has already joined with this unique id")});
  }
  c.rank = said.rank;
  members_[rank] = &c;
  limit_round(said.timeout_ms);
  arrive(c);
}

void Server::exchange(Connection& c, const Exchange& said) {
  if (!failure_.ok()) return tell(c, failure_);
  c.stage = Stage::kPayload;
  if (const auto gone = std::find(members_.begin(), members_.end(), nullptr); gone != members_.end()) {
    return fail(
        {collRemoteError, text("rank ", gone - members_.begin(), " went away while the communicator was made")});
  }
  if (round_.data == nullptr) {
    if (said.bytes > kMaxExchangeBytes / members_.size()) {
      return fail({collInternalError, text("rank ", c.rank, " wants to exchange ", said.bytes, " bytes per rank")});
    }
    round_.bytes = said.bytes;
    round_.data = std::make_shared<Bytes>(said.bytes * members_.size());
  }
  if (said.bytes != round_.bytes) {
    return fail({collInternalError, text("the ranks disagree in an exchange: rank ", c.rank, " sends ", said.bytes,
                                         " bytes, others ", round_.bytes)});
  }
  limit_round(said.timeout_ms);
  c.payload_left = said.bytes;
  if (c.payload_left == 0) arrive(c);
}

void Server::limit_round(uint32_t timeout_ms) {
  const Clock::time_point end = Clock::now() + milliseconds(timeout_ms);
  if (end >= round_.deadline) return;
  round_.deadline = end;
  round_.timeout_ms = static_cast<int>(timeout_ms);
}

void Server::arrive(Connection& c) {
  c.stage = Stage::kWaiting;
  round_.here[static_cast<size_t>(c.rank)] = 1;
  if (++round_.arrived == members_.size()) complete_round();
}

void Server::complete_round() {
  joined_ = true;
  const std::shared_ptr<Bytes> data = std::exchange(round_, Round{}).data;
  round_.here.resize(members_.size());
  for (Connection* member : members_) {
    member->stage = Stage::kIdle;
    answer(*member, collSuccess, data);
  }
}

void Server::answer(Connection& c, collResult_t code, std::shared_ptr<const Bytes> bytes) {
  const Answer head{static_cast<uint32_t>(code), 0, bytes == nullptr ? 0 : bytes->size()};
  const auto raw = std::as_bytes(std::span(&head, 1));
  c.out.push_back(std::make_shared<const Bytes>(raw.begin(), raw.end()));
  if (head.bytes > 0) c.out.push_back(std::move(bytes));
}

// A connection has ended. That is how members leave when all is well; it is a failure where others wait for them.
void Server::lose(Connection& c) {
  c.socket.close();
  if (c.rank < 0) return;
  members_[static_cast<size_t>(c.rank)] = nullptr;
  const bool others_wait = !joined_ || round_.arrived > 0 || round_.data != nullptr;
  if (failure_.ok() && others_wait) {
    fail({collRemoteError, text("rank ", c.rank, " went away while the communicator was made")});
  }
}

void Server::expire() {
  const Clock::time_point now = Clock::now();
  for (Connection& c : connections_) {
    const bool limited = c.stage == Stage::kHello || c.stage == Stage::kDone;
    if (limited && now >= c.deadline) lose(c);
  }
  connections_.remove_if([](const Connection& c) { return !c.socket.open(); });
  if (failure_.ok() && now >= round_.deadline) {
    const char* what = joined_ ? " did not take part in an exchange within " : " did not join within ";
    fail({collTimeout, text(missing_ranks(), what, round_.timeout_ms, " ms")});
  }
}

std::string Server::missing_ranks() const {
  if (nranks_ == 0) return "all ranks";
  std::string names;
  size_t missing = 0;
  for (size_t rank = 0; rank < round_.here.size(); ++rank) {
    if (round_.here[rank] != 0 || ++missing > kMaxNamedRanks) continue;
    names += text(names.empty() ? "" : ", ", "rank ", rank);
  }
  return missing > kMaxNamedRanks ? text(names, " and ", missing - kMaxNamedRanks, " more") : names;
}

// Tells those who wait; the others hear of it when they next speak, or come.
void Server::fail(Status failure) {
  failure_ = std::move(failure);
  linger_until_ = std::max(deadline_, Clock::now() + kFarewell);
  for (Connection& c : connections_) {
    if (c.stage == Stage::kWaiting || c.stage == Stage::kPayload) tell(c, failure_);
  }
}

void Server::tell(Connection& c, const Status& failure) {
  const auto raw = std::as_bytes(std::span(failure.message()));
  answer(c, failure.code(), std::make_shared<const Bytes>(raw.begin(), raw.end()));
  c.stage = Stage::kDone;
  c.deadline = Clock::now() + kFarewell;
  ++told_;
}

}  // namespace coll::tcp
