// A host stream: collectives that were enqueued and complete in order, inside the library's own calls.
#pragma once

#include <deque>
#include <memory>
#include <mutex>

#include "base/status.hpp"

namespace coll {

class Communicator;
class Operation;

class Stream {
 public:
  Stream();
  ~Stream();
  void enqueue(std::unique_ptr<Operation> operation);
  // Moves the operation at the front on; never blocks.
  void advance(bool* moved);
  bool empty() const;
  // The first failure since the last call; forgets it.
  Status take_failure();

 private:
  mutable std::mutex mutex_;
  std::deque<std::unique_ptr<Operation>> operations_;
  Status failure_;
};

}  // namespace coll
