// What the communicators and streams of a process share: staging memory, the list of streams to move on, and the thread
// that does so while the program computes. It lives as long as somebody holds it; the library's only other state
// outside a handle is the way to the devices, and thread_local (the last error, the open group).
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/device_memory.hpp"
#include "runtime/device_port.hpp"
#include "runtime/progress.hpp"
#include "runtime/staging.hpp"
#include "transport/shm/regions.hpp"

namespace coll {

class Stream;

class Process : public std::enable_shared_from_this<Process> {
 public:
  static std::shared_ptr<Process> acquire();
  Process();
  ~Process();

  const std::shared_ptr<StagingPool>& staging() const { return staging_; }
  // Memory that the node's ranks can map. While the program has some of it, or of a device, the process object stays.
  const std::shared_ptr<shm::Regions>& regions() const { return regions_; }
  Status allocate(size_t bytes, void** memory);
  Status allocate_on_device(size_t bytes, int device, void** memory);
  Status release(void* memory);  // of either kind
  DeviceMemories& device_memories() { return device_memory_; }
  DevicePort& devices() const { return *devices_; }
  // For tests: other devices than the machine's, before any communicator is made.
  void replace_devices(std::shared_ptr<DevicePort> devices) { devices_ = std::move(devices); }
  void add(const std::shared_ptr<Stream>& stream);
  bool has_streams() const { return any_streams_.load(std::memory_order_acquire); }  // or has had some
  // Moves every stream of the process on; never blocks. Streams that another thread is at are passed over.
  void advance_streams(bool* moved);

  // A stream has work that the progress thread may do, beside ranks that leave it `room`.
  void wake_progress(const Room& room);
  // Keeps the progress thread away as long as it lives: to be held by calls that wait, or need a lock.
  Progress::Visit visit() { return Progress::Visit(*progress_); }

  void before_fork();
  void after_fork(bool in_child);

 private:
  void start_anew();
  bool take_turn(bool* moved);
  std::vector<std::shared_ptr<Stream>> streams();

  std::shared_ptr<StagingPool> staging_ = std::make_shared<StagingPool>();
  std::shared_ptr<shm::Regions> regions_ = std::make_shared<shm::Regions>();
  std::shared_ptr<DevicePort> devices_;  // stays when the process object goes, with the memory that it hands on
  DeviceMemories device_memory_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<Stream>> streams_;
  std::atomic<bool> any_streams_{false};  // a program without streams takes no lock for them
  std::shared_ptr<Process> self_;         // while memory is allocated
  std::unique_ptr<Progress> progress_;    // last: its thread ends before the rest does
};

}  // namespace coll
