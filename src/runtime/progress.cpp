#include "runtime/progress.hpp"

#include <sched.h>

#include "topology/place.hpp"

namespace coll {

namespace {

constexpr std::chrono::seconds kLinger{10};  // without work, before the thread ends

// How the thread waits for messages. On a hardware thread of its own it spins, then yields, and naps only where nothing
// has come for long. On one that it borrows from the ranks it naps at once, so that they can compute.
class Pace {
 public:
  void pause(bool moved, bool spare) {
    idle_ = moved ? 0 : idle_ + 1;
    if (idle_ > kYields || (!spare && !moved)) {
      std::this_thread::sleep_for(kNap);
    } else if (idle_ > kSpins) {
      sched_yield();
    }
  }

 private:
  static constexpr int kSpins = 256;
  static constexpr int kYields = 20000;
  static constexpr std::chrono::microseconds kNap{100};
  int idle_ = 0;
};

}  // namespace

Progress::~Progress() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Progress::wake(const Room& room) {
  const std::lock_guard lock(mutex_);
  const bool first = !running_ && !thread_.joinable();
  room_.spare = room.spare && (first || room_.spare);
  for (size_t i = 0; i < room.taken.size(); ++i) {
    moved_house_ = moved_house_ || (room.taken[i] & ~room_.taken[i]) != 0;
    room_.taken[i] |= room.taken[i];
  }
  rouse();
}

void Progress::wake() {
  const std::lock_guard lock(mutex_);
  rouse();
}

void Progress::rouse() {
  work_ = true;
  if (sleeping_) changed_.notify_all();
  if (running_) return;
  if (thread_.joinable()) thread_.join();  // it ended for want of work
  moved_house_ = true;
  running_ = true;
  thread_ = std::thread([this] { run(); });
}

void Progress::run() {
  Pace pace;
  Lock lock(mutex_);
  while (!stop_) {
    if (!work_ && !wait_for_work(lock)) break;
    if (stop_) break;
    if (moved_house_) place();
    const bool spare = room_.spare;
    work_ = false;
    lock.unlock();
    bool moved = false;
    const bool more = take_turn(&moved);
    pace.pause(moved, spare);
    stand_by();
    lock.lock();
    work_ = work_ || more;
  }
  running_ = false;
}

bool Progress::take_turn(bool* moved) {
  const std::lock_guard lock(turning_);
  return turn_(moved);
}

// False: nothing came for long, and the thread ends.
bool Progress::wait_for_work(Lock& lock) {
  sleeping_ = true;
  const bool woken = changed_.wait_for(lock, kLinger, [this] { return work_ || stop_; });
  sleeping_ = false;
  return woken;
}

// A short visit is waited for without sleeping.
void Progress::stand_by() {
  constexpr int kYields = 50;
  for (int i = 0; i < kYields && visitors_.load() > 0; ++i) sched_yield();
  if (visitors_.load() == 0) return;
  Lock lock(mutex_);
  standing_by_ = true;
  changed_.wait(lock, [this] { return visitors_.load() == 0 || stop_; });
  standing_by_ = false;
}

void Progress::leave() {
  // Who looks second, this thread or the one that goes to sleep, sees what the other wrote.
  if (visitors_.fetch_sub(1) > 1 || !standing_by_.load()) return;
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

void Progress::place() {
  moved_house_ = false;
  topo::run_apart_from(room_.taken);
}

void Progress::before_fork() {
  ++visitors_;
  turning_.lock();
}

void Progress::after_fork() {
  turning_.unlock();
  leave();
}

}  // namespace coll
