// Cross-memory attach: the kernel copies from another process's memory into this one's, in one system call. It takes
// the right to read that process, which containers and security modules may withhold: see Proof.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace coll::shm {

// Fills `to` from `address` of the process. False, with errno, where not all of it could be read.
[[nodiscard]] bool copy_from(pid_t process, uint64_t address, std::span<std::byte> to);

}  // namespace coll::shm
