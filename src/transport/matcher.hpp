// Matcher: the receiving half of a transport that moves bytes itself. Pairs arriving messages with posted receives by
// (peer, tag), first come, first served; what nobody has posted for yet is kept on the heap until somebody does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "transport/transport.hpp"

namespace coll {

// A message that the receiver reads where it lies.
struct Lent {
  size_t bytes = 0;
  unsigned number = 0;            // of the loan
  const std::byte* at = nullptr;  // NULL where this process has not mapped it
  uint64_t address = 0;           // there: where it is in the lender's process
};

// A receive, and the lent message that is for it.
struct LentMatch {
  std::span<std::byte> buffer;
  Request* request;
  Lent lent;
};

// Marks a receive of `capacity` bytes as done.
void complete(Request* request, size_t bytes, size_t capacity);

class Matcher {
 public:
  explicit Matcher(size_t npeers) : peers_(npeers) {}

  // The match where the message is here already, and lent.
  std::optional<LentMatch> post(size_t peer, uint32_t tag, std::span<std::byte> buffer, Request* request);

  // A lent message arrives: the match where its receive has been posted; else it is kept until it is.
  std::optional<LentMatch> begin_lent(size_t peer, uint32_t tag, const Lent& lent);

  // A whole message arrives. False where its receive has not been posted: then it has to be begun.
  bool deliver(size_t peer, uint32_t tag, std::span<const std::byte> message);

  // One message of a peer arrives at a time: begin(), then feed() until all of its bytes have come.
  void begin(size_t peer, uint32_t tag, size_t bytes);
  void feed(size_t peer, std::span<const std::byte> bytes);
  bool streaming(size_t peer) const { return peers_[peer].streaming; }
  size_t missing_bytes(size_t peer) const { return peers_[peer].current.bytes - peers_[peer].current.arrived; }

  // True where a receive waits for bytes of `peer`. Otherwise a transport may leave them where they are: that bounds
  // memory, and a receive that is posted in time saves the copy through the heap.
  bool waiting(size_t peer) const {
    const Peer& p = peers_[peer];
    return !p.posted.empty() || (p.streaming && p.current.request != nullptr);
  }

  // Forgets every receive and every message.
  void clear();

 private:
  struct Posted {
    uint32_t tag;
    std::span<std::byte> buffer;
    Request* request;
  };
  struct Message {
    uint32_t tag = 0;
    size_t bytes = 0;
    size_t arrived = 0;
    std::unique_ptr<std::byte[]> heap;  // used while `request` is null
    std::span<std::byte> buffer;
    Request* request = nullptr;
    std::optional<Lent> lent{};
  };
  struct Peer {
    std::vector<Posted> posted;
    std::deque<Message> unexpected;  // complete ones, in order of arrival
    Message current;
    bool streaming = false;
  };

  static void adopt(Message& message, std::span<std::byte> buffer, Request* request);
  static void finish(Peer& peer);

  std::vector<Peer> peers_;
};

}  // namespace coll
