// The progress thread of a process: it moves host streams on while the program computes.
//
// It starts with the first work there is for it and ends after a while without any. While a thread of the program is
// inside the library, which moves all streams on from there too, it stands by, so that the two never compete.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "topology/topology.hpp"

namespace coll {

// Where the thread may run: what a communicator knows of the machine.
struct Room {
  Room() = default;
  Room(const topo::Topology& topology, int rank)
      : spare(topology.machine_of(rank).has_room()), taken(topology.machine_of(rank).taken) {}

  bool spare = false;   // there is a hardware thread that no rank needs
  topo::PuSet taken{};  // where the ranks are bound; empty where they are not
};

class Progress {
 public:
  // One round over the streams, which never blocks: sets *moved where anything happened, and tells whether there is
  // work left for the thread.
  using Turn = std::function<bool(bool* moved)>;

  explicit Progress(Turn turn) : turn_(std::move(turn)) {}
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // There is work for the thread: starts it or wakes it. `room`: of the communicator that has work.
  void wake(const Room& room);
  void wake();
  bool running() const { return running_.load(); }

  // A thread of the program is inside the library as long as one of these lives.
  class Visit {
   public:
    explicit Visit(Progress& progress) : progress_(progress.running() ? &progress : nullptr) {
      if (progress_ != nullptr) ++progress_->visitors_;
    }
    ~Visit() {
      if (progress_ != nullptr) progress_->leave();
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

   private:
    Progress* progress_;
  };

  // Around fork(), so that the thread is in no turn then. The child has no such thread, and drops this object as it is.
  void before_fork();
  void after_fork();

 private:
  using Lock = std::unique_lock<std::mutex>;

  void run();
  bool take_turn(bool* moved);
  bool wait_for_work(Lock& lock);
  void stand_by();
  void leave();
  void place();
  void rouse();

  Turn turn_;
  std::mutex mutex_;  // of what follows, up to the atomics
  std::condition_variable changed_;
  std::thread thread_;
  bool stop_ = false;
  bool work_ = false;
  bool sleeping_ = false;
  Room room_;
  bool moved_house_ = false;  // room_ has changed since the thread placed itself
  std::mutex turning_;        // held during a turn
  std::atomic<bool> running_{false};
  std::atomic<bool> standing_by_{false};
  std::atomic<int> visitors_{0};
};

}  // namespace coll
