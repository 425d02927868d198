// The inproc transport: ranks are threads of one process. For tests, also under ThreadSanitizer; a send copies its
// message into the receiver's mailbox and is done at once.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "transport/transport.hpp"

namespace coll {

namespace inproc {

// The mailboxes of one communicator, shared by the transports of all its ranks.
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

  explicit Hub(int nranks) : nranks_(nranks), mailboxes_(static_cast<size_t>(nranks) * nranks) {}
  int nranks() const { return nranks_; }
  Mailbox& mailbox(int from, int to) { return mailboxes_[static_cast<size_t>(from) * nranks_ + to]; }

 private:
  int nranks_;
  std::vector<Mailbox> mailboxes_;
};

}  // namespace inproc

// One rank's end. Reaches every rank of the hub, itself included.
std::unique_ptr<Transport> make_inproc(std::shared_ptr<inproc::Hub> hub, int rank);

}  // namespace coll
