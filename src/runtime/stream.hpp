// A host stream: calls that were enqueued and complete in order, those of a group together, inside the library's own
// calls and on the process's progress thread.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "base/status.hpp"

namespace coll {

class Communicator;
class DeviceLine;
class Operation;

// Who moves a stream on: a thread of the program, or the progress thread, which may not touch every communicator.
enum class Mover { kProgram, kProgressThread };

class Stream {
 public:
  Stream();
  virtual ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  void enqueue(std::unique_ptr<Operation> operation);
  // Between these two, what is enqueued makes one batch, whose operations advance side by side.
  virtual Status open_batch();
  virtual Status close_batch();
  virtual DeviceLine* device_line() { return nullptr; }  // where it is one
  // Moves what is at the front on; never blocks. Tells whether there is work left for the progress thread.
  bool advance(Mover mover, bool* moved);
  bool empty() const;
  // The first failure since the last call; forgets it.
  Status take_failure();

 private:
  using Batch = std::vector<std::unique_ptr<Operation>>;
  bool advance_front(Mover mover, bool* moved);

  mutable std::mutex mutex_;
  std::deque<Batch> batches_;
  bool open_ = false;  // the last batch
  Status failure_;
};

}  // namespace coll
