// The shm transport: the ranks of one node, through rings in one shared segment.
//
// A message streams through its pair's ring in pieces, so it may be larger than the ring. A send is done when its last
// byte is in the ring. The reader leaves a peer's bytes in the ring while it waits for nothing of that peer, so large
// sends may wait for their receive, as in MPI. What lies before a message that is waited for goes to the heap.
//
// A message that lies in its sender's arena, which all ranks of the node have mapped, or in a region of its process is
// not copied: the ring carries where it is, and the receiver reads it there.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "transport/shm/regions.hpp"
#include "transport/shm/segment.hpp"
#include "transport/transport.hpp"

namespace coll {

inline constexpr const char* kShmDirectory = "/dev/shm";

// Gathers the same number of bytes from all ranks of the communicator: all[r * mine.size()) is rank r's.
using Allgather = std::function<Status(std::span<const std::byte> mine, std::byte* all)>;

struct ShmOptions {
  int rank = 0;
  int nranks = 1;
  std::vector<int> local_ranks;  // ranks with my host_key(), ascending, mine included
  Allgather allgather;
  std::string directory = kShmDirectory;
  size_t ring_bytes = 0;                  // per ordered pair, a power of two; 0: shm::default_ring_bytes()
  shm::Allocate allocate;                 // empty: posix_fallocate
  std::shared_ptr<shm::Regions> regions;  // of this process; empty: none
};

// Collective over all ranks of the communicator, also those that are alone on their node. `*transport` reaches the
// other local ranks (not itself), and is null where there are none. If any rank fails, all return the same failure and
// nobody has a transport; the caller then does without. `*warning` is for people: set where less memory than wanted is
// used.
Status make_shm(const ShmOptions& options, std::unique_ptr<Transport>* transport, std::string* warning);

// What ranks must have in common to share a segment in `directory`: kernel, user, and the very same mounted file
// system. Containers or network namespaces with a /dev/shm of their own are nodes of their own.
std::string host_key(const std::string& directory = kShmDirectory);

}  // namespace coll
