// How a waiting rank waits: it spins briefly where it has a core of its own, and gives the core away otherwise.
#pragma once

#include <sched.h>

namespace coll {

class Backoff {
 public:
  explicit Backoff(bool oversubscribed) : spins_(oversubscribed ? 0 : kSpins) {}

  // One turn of a waiting loop; `moved` says whether the last turn got anywhere.
  void pause(bool moved) {
    idle_ = moved ? 0 : idle_ + 1;
    if (idle_ > spins_) sched_yield();
  }

 private:
  static constexpr int kSpins = 256;
  int spins_;
  int idle_ = 0;
};

}  // namespace coll
