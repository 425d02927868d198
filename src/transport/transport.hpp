// The transport interface: tagged messages between the ranks of one communicator, none of which blocks.
//
// A message is matched by (peer, tag); messages with the same peer and tag arrive in the order they were sent. Receives
// may be posted after the message has come. Requests and buffers stay the caller's, and at their place, until `done`
// (or until abandon()). One thread at a time calls a transport, except that abort() of the library may be called while
// another thread is inside progress(); the library handles that above.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/status.hpp"

namespace coll {

// Completion of one send or receive; `bytes` is what really arrived (never more than the buffer's size; a longer
// message sets `truncated`).
struct Request {
  bool done = false;
  bool truncated = false;
  size_t bytes = 0;
};

// Small out-of-band news between ranks: who is where, who failed. Fixed size, delivered in order per peer, unmatched.
struct Control {
  enum Kind : uint32_t { kPresent = 1, kFailed = 2 };
  uint32_t kind = 0;
  int32_t from = -1;      // rank that speaks
  uint64_t sequence = 0;  // call it speaks about
  int32_t code = 0;       // collResult_t of a failure
  uint32_t reserved = 0;
  char text[232] = {};  // zero-terminated
};
static_assert(sizeof(Control) == 256);

inline constexpr uint32_t kTagBits = 31;  // tags are below 2^31, MPI's own limit in Open MPI and MPICH

class Transport {
 public:
  virtual ~Transport() = default;
  virtual std::string_view name() const = 0;
  virtual bool reaches(int peer) const = 0;

  virtual Status send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) = 0;
  virtual Status receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) = 0;
  // Moves everything on and marks what is done; `*moved` is set where a message moved, and left alone otherwise.
  // Control messages do not count: a rank that only hears of its peers still waits for them.
  virtual Status progress(bool* moved) = 0;

  virtual Status send_control(int peer, const Control& control) = 0;
  virtual bool poll_control(Control* control) = 0;

  // After a failure: forgets every pending request without touching it again. Returns true where a buffer of a
  // forgotten receive (or send) may still be accessed by the system, so that the caller leaks its staging memory.
  virtual bool abandon() = 0;

  // Whether the one thread at a time that calls may be any thread, the library's own included, and need not be one that
  // the program calls from.
  virtual bool any_thread() const { return false; }
};

}  // namespace coll
