#include "runtime/socket.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>

namespace coll {

namespace {

Status system_error(const std::string& what) { return {collSystemError, text(what, ": ", std::strerror(errno))}; }

socklen_t to_sockaddr(const Address& address, sockaddr_storage* storage) {
  *storage = {};
  if (address.is_ipv6 != 0) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    std::memcpy(&v6.sin6_addr, address.ip, 16);
    std::memcpy(storage, &v6, sizeof v6);
    return sizeof v6;
  }
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(address.port);
  std::memcpy(&v4.sin_addr, address.ip, 4);
  std::memcpy(storage, &v4, sizeof v4);
  return sizeof v4;
}

Address from_sockaddr(const sockaddr* generic) {
  Address address{};
  if (generic->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, generic, sizeof v6);
    std::memcpy(address.ip, &v6.sin6_addr, 16);
    address.port = ntohs(v6.sin6_port);
    address.is_ipv6 = 1;
  } else {
    sockaddr_in v4{};
    std::memcpy(&v4, generic, sizeof v4);
    std::memcpy(address.ip, &v4.sin_addr, 4);
    address.port = ntohs(v4.sin_port);
  }
  return address;
}

// Lower is better; INT_MAX: not usable.
int preference(const ifaddrs& entry, const std::string& ifname) {
  if (entry.ifa_addr == nullptr || (entry.ifa_flags & IFF_UP) == 0) return INT_MAX;
  const int family = entry.ifa_addr->sa_family;
  if (family != AF_INET && family != AF_INET6) return INT_MAX;
  if (!ifname.empty() && ifname != entry.ifa_name) return INT_MAX;
  if (family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, entry.ifa_addr, sizeof v6);
    if (IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr)) return INT_MAX;
  }
  const bool no_carrier = (entry.ifa_flags & IFF_RUNNING) == 0;
  const bool loopback = (entry.ifa_flags & IFF_LOOPBACK) != 0;
  return (no_carrier ? 4 : 0) + (loopback ? 2 : 0) + (family == AF_INET6 ? 1 : 0);
}

Status wait_for(const Socket& socket, short events, Clock::time_point deadline) {
  pollfd wanted{socket.fd(), events, 0};
  while (true) {
    const int timeout_ms = milliseconds_until(deadline);
    const int ready = ::poll(&wanted, 1, timeout_ms);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return system_error("cannot wait for a socket");
    if (ready == 0 && timeout_ms == 0) return {collTimeout, "the time-out has passed"};
  }
}

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

void tune(const Socket& socket) {
  const int on = 1;  // small messages, each of which somebody waits for
  static_cast<void>(::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
}

}  // namespace

void Socket::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::string to_string(const Address& address) {
  char words[INET6_ADDRSTRLEN] = "?";
  ::inet_ntop(address.is_ipv6 != 0 ? AF_INET6 : AF_INET, address.ip, words, sizeof words);
  return address.is_ipv6 != 0 ? text("[", words, "]:", address.port) : text(words, ":", address.port);
}

Status interface_address(const std::string& ifname, Address* address) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return system_error("cannot list the network interfaces");
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  const ifaddrs* best = nullptr;
  std::string names;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    const std::string name = entry->ifa_name;
    if ((", " + names + ",").find(", " + name + ",") == std::string::npos) names += (names.empty() ? "" : ", ") + name;
    const int rating = preference(*entry, ifname);
    if (rating < (best == nullptr ? INT_MAX : preference(*best, ifname))) best = entry;
  }
  if (best != nullptr) {
    *address = from_sockaddr(best->ifa_addr);
    return {};
  }
  if (ifname.empty()) return {collSystemError, "no network interface is up, not even the loopback"};
  return {collInvalidArgument,
          text("network interface '", ifname, "' does not exist, is down or has no address; there are: ", names)};
}

Status listen_on(Address* address, Socket* socket) {
  sockaddr_storage storage{};
  address->port = 0;
  socklen_t length = to_sockaddr(*address, &storage);
  auto* generic = reinterpret_cast<sockaddr*>(&storage);
  Socket made(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.open()) return system_error("cannot make a socket");
  if (::bind(made.fd(), generic, length) != 0 || ::listen(made.fd(), SOMAXCONN) != 0 ||
      ::getsockname(made.fd(), generic, &length) != 0) {
    return system_error(text("cannot listen on ", to_string(*address)));
  }
  *address = from_sockaddr(generic);
  *socket = std::move(made);
  return {};
}

Socket accept_from(const Socket& listener) {
  Socket accepted(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (accepted.open()) tune(accepted);
  return accepted;
}

Status connect_to(const Address& address, Clock::time_point deadline, Socket* socket, bool* retry) {
  *retry = false;
  sockaddr_storage storage{};
  const socklen_t length = to_sockaddr(address, &storage);
  Socket made(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.open()) return system_error("cannot make a socket");
  if (::connect(made.fd(), reinterpret_cast<const sockaddr*>(&storage), length) != 0 && errno != EINPROGRESS) {
    *retry = errno != EACCES && errno != EPERM && errno != EAFNOSUPPORT;
    return system_error(text("cannot connect to ", to_string(address)));
  }
  COLL_TRY(wait_for(made, POLLOUT, deadline));
  int error = 0;
  socklen_t error_length = sizeof error;
  if (::getsockopt(made.fd(), SOL_SOCKET, SO_ERROR, &error, &error_length) == 0 && error != 0) {
    errno = error;
    *retry = true;
    return system_error(text("cannot connect to ", to_string(address)));
  }
  tune(made);
  *socket = std::move(made);
  return {};
}

ssize_t send_some(const Socket& socket, std::span<const std::byte> bytes) {
  const ssize_t sent = ::send(socket.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0) return would_block() ? 0 : -1;
  return sent;
}

ssize_t receive_some(const Socket& socket, std::span<std::byte> bytes) {
  const ssize_t got = ::recv(socket.fd(), bytes.data(), bytes.size(), 0);
  if (got < 0) return would_block() ? 0 : -1;
  return got == 0 ? -1 : got;
}

Status send_all(const Socket& socket, std::span<const std::byte> bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = send_some(socket, bytes);
    if (sent < 0) return {collRemoteError, "the connection was closed by the other side"};
    bytes = bytes.subspan(static_cast<size_t>(sent));
    if (sent == 0) COLL_TRY(wait_for(socket, POLLOUT, deadline));
  }
  return {};
}

Status receive_all(const Socket& socket, std::span<std::byte> bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    const ssize_t got = receive_some(socket, bytes);
    if (got < 0) return {collRemoteError, "the connection was closed by the other side"};
    bytes = bytes.subspan(static_cast<size_t>(got));
    if (got == 0) COLL_TRY(wait_for(socket, POLLIN, deadline));
  }
  return {};
}

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, INT_MAX));
}

}  // namespace coll
