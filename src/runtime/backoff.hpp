// How a waiting rank waits: it spins briefly where it has a core of its own and gives the core away otherwise. Where
// ranks outnumber the cores and nothing has come for long, it sleeps, so that those with work to do have the cores.
#pragma once

#include <sched.h>

#include <chrono>
#include <thread>

namespace coll {

class Backoff {
 public:
  explicit Backoff(bool oversubscribed) : oversubscribed_(oversubscribed) {}

  // One turn of a waiting loop; `moved` says whether the last turn got anywhere.
  void pause(bool moved) {
    idle_ = moved ? 0 : idle_ + 1;
    if (oversubscribed_ && idle_ > kYields) {
      std::this_thread::sleep_for(kNap);
    } else if (oversubscribed_ || idle_ > kSpins) {
      sched_yield();
    }
  }

 private:
  static constexpr int kSpins = 256;
  static constexpr int kYields = 20;
  static constexpr std::chrono::microseconds kNap{50};
  bool oversubscribed_;
  int idle_ = 0;
};

}  // namespace coll
