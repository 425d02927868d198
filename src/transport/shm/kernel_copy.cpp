#include "transport/shm/kernel_copy.hpp"

#include <sys/uio.h>

#include <cerrno>

namespace coll::shm {

bool copy_from(pid_t process, uint64_t address, std::span<std::byte> to) {
  while (!to.empty()) {
    const iovec local{to.data(), to.size()};
    const iovec remote{reinterpret_cast<void*>(address), to.size()};
    const ssize_t copied = ::process_vm_readv(process, &local, 1, &remote, 1, 0);
    if (copied < 0 && errno == EINTR) continue;
    if (copied <= 0) return false;
    to = to.subspan(static_cast<size_t>(copied));  // a signal, or a page that is not there, may end it early
    address += static_cast<uint64_t>(copied);
  }
  return true;
}

}  // namespace coll::shm
