// The transport interface: tagged messages between the ranks of one communicator, none of which blocks.
//
// A message is matched by (peer, tag); messages with the same peer and tag arrive in the order they were sent. Receives
// may be posted after the message has come. Requests and buffers stay the caller's, and at their place, until `done`
// (or until abandon()). One thread at a time calls a transport, except that abort() of the library may be called while
// another thread is inside progress(); the library handles that above. What is said to be for threads of the program
// may also be called meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/status.hpp"

namespace coll {

class Board;

// Completion of one send or receive; `bytes` is what really arrived (never more than the buffer's size; a longer
// message sets `truncated`).
struct Request {
  bool done = false;
  bool truncated = false;
  size_t bytes = 0;

  // Of a receive. Where `may_view` is set, a message that the receiver can read where it lies is not copied to the
  // buffer: `view` says where it is, until give_back().
  bool may_view = false;
  const std::byte* view = nullptr;
  int lender = -1;    // the peer whose memory it is
  unsigned loan = 0;  // the transport's number of it

  // Of a send: the receiver only copies the message, and so may have the system copy it from where it lies.
  bool to_copy = false;
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

inline constexpr size_t kNoticeBytes = 4096;  // of one rank's notices

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

  // Memory that the peers can read: messages in it are not copied on their way, and are the caller's again when their
  // requests are done. Empty where there is none. The same on every call, and lives as long as the transport.
  virtual std::span<std::byte> arena() { return {}; }
  // Whether `peer` reads a message of all this memory where it lies: in the arena, or wherever else it can. `to_copy`
  // as in the send's request.
  virtual bool lends(int, std::span<const std::byte>, bool) const { return false; }
  // Ends a view. collRemoteError where the lender has failed, so that what was read may be anything.
  virtual Status give_back(Request* request) {
    request->view = nullptr;
    return {};
  }

  // Whether messages may lie in memory of this rank's device, which the host cannot touch; does not change. Where they
  // may not, `why_not` says so in words.
  virtual bool takes_device_memory(std::string* why_not) const {
    *why_not = text("transport ", std::string(name()), " knows host memory alone");
    return false;
  }
  // For threads of the program, at the memory's device; may wait for it. Messages may lie in this memory from now on,
  // and until unregister_device(), before which all of them are done. Unregistering what is not registered does
  // nothing.
  virtual Status register_device(std::span<std::byte>) { return {collUnsupported, "host memory alone"}; }
  virtual void unregister_device(std::span<std::byte>) {}

  // Where all ranks it reaches may post and read; NULL where there is no such place. Lives as long as the transport.
  virtual Board* board() { return nullptr; }

  // Memory in which `rank`, this one or a peer, leaves notes for all that read its memory; zeroes at first. The rank
  // alone writes there, the others may read at any time, so all is read and written by atomics. kNoticeBytes, aligned
  // to a cache line; empty where there is none, and of ranks that are not reached. The same on every call, and lives as
  // long as the transport.
  virtual std::span<std::byte> notices(int /*rank*/) { return {}; }

  // Whether `peer` is known to take part no more: its process has ended, or it has closed its end in peace. What it
  // sent before can still be received. May take a system call.
  [[nodiscard]] virtual bool has_ended(int) const { return false; }

  // Memory that it holds beside the caller's buffers, as far as it knows.
  virtual size_t memory_bytes() const { return 0; }

  virtual Status send_control(int peer, const Control& control) = 0;
  virtual bool poll_control(Control* control) = 0;

  // After a failure: forgets every pending request without touching it again. Returns true where a buffer of a
  // forgotten receive (or send) may still be accessed by the system, so that the caller leaks its staging memory.
  virtual bool abandon() = 0;

  // Whether receives are written inside calls alone, so that after abandon() nobody writes to their buffers any more.
  virtual bool receives_in_calls() const { return false; }

  // Whether the one thread at a time that calls may be any thread, the library's own included, and need not be one that
  // the program calls from.
  virtual bool any_thread() const { return false; }

  // In a simulator, where other ranks run only while this one is inside its MPI:
  // blocks until a message has moved or news have come. False where it cannot, or has nothing to wait for.
  virtual bool wait() { return false; }
  // Whether the rank that runs now is the one that the transport belongs to. Ranks of a simulator share one process.
  virtual bool is_mine() const { return true; }
};

}  // namespace coll
