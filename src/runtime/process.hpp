// What the communicators and streams of a process share: staging memory, the list of streams to move on, and the thread
// that does so while the program computes. It lives as long as somebody holds it; the library's only other state
// outside a handle is thread_local (the last error).
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "runtime/progress.hpp"
#include "runtime/staging.hpp"

namespace coll {

class Stream;

class Process {
 public:
  static std::shared_ptr<Process> acquire();
  Process();
  ~Process();

  const std::shared_ptr<StagingPool>& staging() const { return staging_; }
  void add(const std::shared_ptr<Stream>& stream);
  // Moves every stream of the process on; never blocks. Streams that another thread is at are passed over.
  void advance_streams(bool* moved);

  // A stream has work that the progress thread may do, beside ranks that leave it `room`.
  void wake_progress(const Room& room);
  // Keeps the progress thread away as long as it lives: to be held by calls that wait, or need a lock.
  Progress::Visit visit() { return Progress::Visit(*progress_); }

  void before_fork();
  void after_fork(bool in_child);

 private:
  void start_anew();
  bool take_turn(bool* moved);
  std::vector<std::shared_ptr<Stream>> streams();

  std::shared_ptr<StagingPool> staging_ = std::make_shared<StagingPool>();
  std::mutex mutex_;
  std::vector<std::weak_ptr<Stream>> streams_;
  std::unique_ptr<Progress> progress_;  // last: its thread ends before the rest does
};

}  // namespace coll
