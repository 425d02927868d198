#include "transport/shm/liveness.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace coll::shm {

namespace {

struct flock byte_of(size_t local) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(local);
  lock.l_len = 1;
  return lock;
}

}  // namespace

bool show_life(int file, size_t local) {
  struct flock lock = byte_of(local);
  return ::fcntl(file, F_OFD_SETLK, &lock) == 0;
}

bool shows_life(int file, size_t local) {
  struct flock lock = byte_of(local);
  return ::fcntl(file, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

}  // namespace coll::shm
