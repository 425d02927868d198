// TCP sockets for the bootstrap: an owning descriptor, addresses, and blocking transfers with a deadline.
// Every socket is closed on exec, non-blocking underneath, and never raises SIGPIPE.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/status.hpp"
#include "runtime/bootstrap.hpp"

namespace coll {

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() { close(); }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void close();

 private:
  int fd_ = -1;
};

// An IPv4 or IPv6 address with a port, as plain bytes that fit a unique id.
struct Address {
  uint8_t ip[16];  // IPv4 uses the first four
  uint16_t port;   // host byte order
  uint8_t is_ipv6;
  uint8_t reserved;
};
static_assert(sizeof(Address) == 20);

std::string to_string(const Address& address);  // "10.0.0.1:4711"

// The address of the interface `ifname`; where that is empty, of the first one that is up and not a loopback, else of
// the loopback. IPv4 before IPv6, whose link-local addresses do not count: they mean nothing on another host.
Status interface_address(const std::string& ifname, Address* address);

// Listens on a free port of `address`, and sets it there.
Status listen_on(Address* address, Socket* socket);
// A waiting connection, or one that is not open() where there is none; errno then says why.
Socket accept_from(const Socket& listener);

// One attempt; `*retry` tells whether a later one may succeed.
Status connect_to(const Address& address, Clock::time_point deadline, Socket* socket, bool* retry);

// One non-blocking step: bytes transferred, 0 where it would block, -1 where the peer is gone.
ssize_t send_some(const Socket& socket, std::span<const std::byte> bytes);
ssize_t receive_some(const Socket& socket, std::span<std::byte> bytes);

// All of it, or collTimeout at the deadline, or collRemoteError where the peer is gone.
Status send_all(const Socket& socket, std::span<const std::byte> bytes, Clock::time_point deadline);
Status receive_all(const Socket& socket, std::span<std::byte> bytes, Clock::time_point deadline);

// Whole milliseconds until `deadline`, rounded up, not below 0: what poll() takes.
int milliseconds_until(Clock::time_point deadline);

}  // namespace coll
