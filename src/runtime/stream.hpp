// A host stream: collectives that were enqueued and complete in order, inside the library's own calls and on the
// process's progress thread.
#pragma once

#include <deque>
#include <memory>
#include <mutex>

#include "base/status.hpp"

namespace coll {

class Communicator;
class Operation;

// Who moves a stream on: a thread of the program, or the progress thread, which may not touch every communicator.
enum class Mover { kProgram, kProgressThread };

class Stream {
 public:
  Stream();
  ~Stream();
  void enqueue(std::unique_ptr<Operation> operation);
  // Moves the operation at the front on; never blocks. Tells whether there is work left for the progress thread.
  bool advance(Mover mover, bool* moved);
  bool empty() const;
  // The first failure since the last call; forgets it.
  Status take_failure();

 private:
  mutable std::mutex mutex_;
  std::deque<std::unique_ptr<Operation>> operations_;
  Status failure_;
};

}  // namespace coll
