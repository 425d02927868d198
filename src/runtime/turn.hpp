// Whose turn it is to move a communicator on: a lock that its holder may take again. Where nobody else wants it, taking
// and leaving it are two stores, without a system call.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <cstdint>

namespace coll {

class Turn {
 public:
  bool try_lock() {
    const uintptr_t self = me();
    uintptr_t holder = holder_.load(std::memory_order_relaxed);
    if (holder != self) {
      holder = 0;
      if (!holder_.compare_exchange_strong(holder, self, std::memory_order_acquire)) return false;
    }
    ++depth_;
    return true;
  }
  void lock() {
    while (!try_lock()) sched_yield();
  }
  void unlock() {
    if (--depth_ == 0) holder_.store(0, std::memory_order_release);
  }

 private:
  static uintptr_t me() { return reinterpret_cast<uintptr_t>(reinterpret_cast<void*>(pthread_self())); }

  std::atomic<uintptr_t> holder_{0};  // 0: nobody
  int depth_ = 0;                     // the holder's own
};

}  // namespace coll
