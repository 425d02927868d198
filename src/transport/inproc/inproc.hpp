// The inproc transport: ranks are threads of one process. For tests, also under ThreadSanitizer; a send copies its
// message into the receiver's mailbox and is done at once.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "transport/transport.hpp"

namespace coll {

namespace inproc {

// The mailboxes and notices of one communicator, shared by the transports of all its ranks.
class Hub {
 public:
  struct Message {
    uint32_t tag;
    std::vector<std::byte> bytes;
  };
  struct Mailbox {
    std::mutex mutex;
    std::deque<Message> messages;
    std::deque<Control> controls;
  };

  explicit Hub(int nranks)
      : nranks_(nranks), mailboxes_(static_cast<size_t>(nranks) * nranks), notices_(static_cast<size_t>(nranks)) {}
  int nranks() const { return nranks_; }
  Mailbox& mailbox(int from, int to) { return mailboxes_[static_cast<size_t>(from) * nranks_ + to]; }
  std::span<std::byte> notices(int rank) { return notices_[static_cast<size_t>(rank)].bytes; }

 private:
  struct Notices {
    alignas(64) std::byte bytes[kNoticeBytes];
  };

  int nranks_;
  std::vector<Mailbox> mailboxes_;
  std::vector<Notices> notices_;
};

}  // namespace inproc

// One rank's end. Reaches every rank of the hub, itself included.
std::unique_ptr<Transport> make_inproc(std::shared_ptr<inproc::Hub> hub, int rank);

}  // namespace coll
