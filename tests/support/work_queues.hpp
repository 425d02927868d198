// Queues of work, each done in order, by one thread that goes round them: the streams of a device that is none.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "base/status.hpp"

namespace coll::test {

class WorkQueues {
 public:
  // A place in a queue that others may wait for; where its queue has failed, theirs do.
  struct Moment {
    bool reached = false;
    Status failure{};
  };
  // What one thread has added to any queue and is not done.
  using Channel = std::set<uint64_t>;
  // Done when `after` has been reached and `ready` (asked often, has to answer at once) agrees; a part may be left out.
  struct Work {
    std::function<Status()> act{};
    std::function<Status(bool* is)> ready{};
    std::shared_ptr<const Moment> after{};
    std::shared_ptr<Moment> reaches{};
    std::shared_ptr<Channel> channel{};  // add() fills these in
    uint64_t number = 0;
  };

  WorkQueues();
  ~WorkQueues();  // drops what has not been started
  WorkQueues(const WorkQueues&) = delete;
  WorkQueues& operator=(const WorkQueues&) = delete;

  // Handles are the caller's; one that is open stays as it is.
  void open(uintptr_t handle, int device);
  // Returns at once; what is queued is still done.
  Status close(uintptr_t handle);
  Status device_of(uintptr_t handle, int* device) const;

  // A queue with failed work keeps the failure and drops all that comes later.
  Status add(uintptr_t handle, Work work);
  Status query(uintptr_t handle) const;
  Status wait(uintptr_t handle) const;

  // The most work that a queue has had at once since the last call.
  size_t take_longest();

  // Nothing more is started while true.
  void hold_all(bool held);
  // What a thread adds from now on is started in the order in which it was added, whatever the queue: as streams that
  // share one way to the device.
  void share_channels();

 private:
  struct Queue {
    int device = 0;
    std::deque<Work> work;
    bool busy = false;
    bool closed = false;
    Status failure;
    bool idle() const { return !busy && work.empty(); }
  };
  using Lock = std::unique_lock<std::mutex>;

  Status find(uintptr_t handle, std::shared_ptr<Queue>* queue) const;
  void serve();
  bool go_round(Lock* lock);
  bool has_work() const;
  bool head_is_ready(Queue* queue);
  void join_channel(Work* work);
  void do_head(Lock* lock, Queue* queue);
  void fail(Queue* queue, Status failure);

  mutable std::mutex mutex_;
  std::condition_variable changed_;       // for the server, which is asleep
  mutable std::condition_variable idle_;  // for those who wait for a queue
  std::map<uintptr_t, std::shared_ptr<Queue>> open_;
  std::deque<std::shared_ptr<Queue>> all_;  // also closed ones that have work left
  std::map<std::thread::id, std::shared_ptr<Channel>> channels_;
  uint64_t added_ = 0;
  bool shares_channels_ = false;
  size_t longest_ = 0;
  bool held_ = false;
  bool asleep_ = false;
  bool stopping_ = false;
  std::thread server_;  // last: it uses all of this
};

}  // namespace coll::test
