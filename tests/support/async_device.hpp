// A GPU that is none, as strict as one: work is only queued and done later, by other threads; the host faults where it
// touches device memory, and the device refuses pageable memory.
//
// NULL is one more stream of each device that waits for no other, as CUDA's default stream of a thread does. A thread
// that is at no device comes to device 0 by what it asks for, and a context is made there.
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "support/hidden_memory.hpp"
#include "support/work_queues.hpp"

namespace coll::test {

class AsyncDevice final : public DeviceOperations {
 public:
  static constexpr int kDevices = 2;
  static constexpr std::array<const char*, kDevices> kAddresses = {"0000:14:00.0", "0000:24:00.0"};
  static constexpr size_t kMemoryBytes = size_t{1} << 40;  // of each

  AsyncDevice();
  ~AsyncDevice() override;  // drops what has not been started

  std::string version() const override { return "none"; }
  std::string kernels() const override { return "emulated"; }
  Status devices(std::vector<DeviceFacts>* all) const override;
  Status owner_of(const void* address, MemoryOwner* owner) const override;
  Status current(int* device) const override;
  Status current_address(std::string* pci) const override;
  Status use(int device, DevicePlace* before) const override;
  Status leave(const DevicePlace& before) const override;

  Status run(const DeviceHop& hop, collStream_t stream) const override;
  Status copy(void* to, const void* from, size_t bytes, collStream_t stream) const override;
  Status zero(void* memory, size_t bytes, collStream_t stream) const override;
  Status synchronize(collStream_t stream) const override;
  Status query(collStream_t stream) const override;

  Status is_captured(collStream_t stream, bool* captured) const override;
  Status make_mark(std::unique_ptr<DeviceMark>* mark) const override;
  Status await_flag(collStream_t stream, const uint32_t* flag, uint32_t value) const override;
  Status set_flag(collStream_t stream, uint32_t* flag, uint32_t value) const override;
  Status set_then_await(collStream_t stream, uint32_t* flag, uint32_t value, const uint32_t* awaited,
                        uint32_t until) const override;
  Status make_stream(collStream_t* stream) const override;
  Status drop_stream(collStream_t stream) const override;

  Status load_kernels() const override;
  Status allocate_pinned(size_t bytes, void** memory) const override;
  Status release_pinned(void* memory) const override;
  Status share(void* memory, DeviceShare* share) const override;
  // Each call gives other addresses, never the owner's, and either device reaches the other's memory.
  Status open_shared(const DeviceShare& share, void** memory) const override;
  Status close_shared(void* memory) const override;
  Status allocate(size_t bytes, void** memory) const override;
  Status release(void* memory) const override;
  Status make_timer(std::unique_ptr<DeviceTimer>* timer) const override;
  void tune(int, int) override {}

  // What follows is for tests.

  // A stream of the test's, which live() leaves out; the same for the same numbers.
  collStream_t user_stream(int i, int device = 0);
  // Ordinary memory that the device may use from now on; it is found at the same address on both sides.
  void own(const void* begin, size_t bytes, MemoryKind kind, int device);
  void disown(const void* begin);

  void hold_all(bool held);  // no work is started while true
  void share_channels();     // each thread's streams go one way to the device from now on, in the order of its calls
  void capture(collStream_t stream, bool captured);
  void forbid_sharing(bool forbidden);  // share() is collUnsupported while true
  void forbid_opening(bool forbidden);  // open_shared() is
  void disorder(bool disordered);       // kernels may come before what the network has written, while true
  void fail_next(const char* what);     // the next hop or copy that is queued makes its stream fail

  // The work that could be doing something with the memory has to be done.
  void upload(void* device, const void* host, size_t bytes);
  void download(void* host, const void* device, size_t bytes);

  // The most orders that a stream has had at once since the last call.
  size_t take_longest_queue();

  // How much has been queued.
  int hops() const;
  int hops_done() const;  // of them
  int copies() const;
  size_t copied_bytes() const;
  int most_blocks() const;  // of the last hop
  // Threads that have given streams work, or asked about them, since the last call.
  std::set<std::thread::id> take_callers();
  int prepared() const;
  int allocations() const;              // calls that allocate or release memory of either kind
  std::set<int> contexts() const;       // devices that have one
  static bool is_thread_at_a_device();  // the calling one
  // Allocations of either kind and streams that have not been given back.
  size_t live() const;
  int shared() const;      // calls of share()
  size_t reached() const;  // how often work has reached memory that was opened
  size_t opened() const;   // and not closed yet, by open_shared()

 private:
  struct State;
  class Mark;
  class Timer;

  Status queue(collStream_t stream, WorkQueues::Work work) const;
  Status find_stream(collStream_t stream, uintptr_t* handle, int* device) const;
  int device_of_thread() const;
  Status take_failure() const;
  std::unique_ptr<State> state_;
};

}  // namespace coll::test
