// Two processes, the memory they share, and the moments at which both are at the same place.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>

namespace coll::perf {

// Zeroed pages that processes forked later share, or own a copy of each.
class Pages {
 public:
  enum class Kind { kShared, kPrivate };
  Pages(Kind kind, size_t bytes);
  ~Pages();
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  std::byte* data() const { return static_cast<std::byte*>(data_); }

 private:
  void* data_;
  size_t bytes_;
};

class Team {
 public:
  static constexpr int kSize = 2;

  // Forks: from here on two processes run the same program, each bound to a core of its own where there are two.
  Team();
  // The second process ends here; the first one waits for it.
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int rank() const { return rank_; }
  pid_t peer() const { return peer_; }
  void barrier() const;
  // The other one's word that something failed, or ours, for both.
  bool any_failed(bool mine) const;

 private:
  struct Shared {
    alignas(64) std::atomic<int> arrived;
    alignas(64) std::atomic<int> round;
    alignas(64) std::atomic<bool> failed;
  };
  Pages pages_;
  Shared* shared_;
  int rank_ = 0;
  pid_t parent_, peer_ = 0;
};

}  // namespace coll::perf
