// Signs of life: every rank of a node holds a lock on a byte of the segment's file, which the kernel drops when its
// process ends, however it ends. Asking whether it is held is one system call.
//
// The lock belongs to the open file, not to the process: ranks that are threads of one process each open the file
// themselves, and a child that was forked keeps the lock of its parent for as long as it lives.
#pragma once

#include <cstddef>

namespace coll::shm {

// Until the file is closed. False where the file system or the kernel has no such locks.
[[nodiscard]] bool show_life(int file, size_t local);
// Whether another open file than this one holds the rank's lock; true also where that cannot be found out.
[[nodiscard]] bool shows_life(int file, size_t local);

// A rank's life as another one sees it. Whoever has never shown any, because the system has no way to, counts as alive.
class Life {
 public:
  Life(int file, size_t local) : file_(file), local_(local), shown_(shows_life(file, local)) {}
  bool has_ended() const { return shown_ && !shows_life(file_, local_); }

 private:
  int file_;
  size_t local_;
  bool shown_;  // when this was made
};

}  // namespace coll::shm
