// What the communicators and streams of a process share: staging memory and the list of streams to move on. It lives as
// long as somebody holds it; the library's only other state outside a handle is thread_local (the last error).
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "runtime/staging.hpp"
#include "transport/shm/regions.hpp"

namespace coll {

class Stream;

class Process : public std::enable_shared_from_this<Process> {
 public:
  static std::shared_ptr<Process> acquire();

  const std::shared_ptr<StagingPool>& staging() const { return staging_; }
  // Memory that the node's ranks can map. While the program has some of it, the process object stays.
  const std::shared_ptr<shm::Regions>& regions() const { return regions_; }
  Status allocate(size_t bytes, void** memory);
  Status release(void* memory);
  void add(const std::shared_ptr<Stream>& stream);
  // Moves every stream of the process on; never blocks. Streams that another thread is at are passed over.
  void advance_streams(bool* moved);

 private:
  std::shared_ptr<StagingPool> staging_ = std::make_shared<StagingPool>();
  std::shared_ptr<shm::Regions> regions_ = std::make_shared<shm::Regions>();
  std::mutex mutex_;
  std::vector<std::weak_ptr<Stream>> streams_;
  std::shared_ptr<Process> self_;  // while regions are allocated
};

}  // namespace coll
