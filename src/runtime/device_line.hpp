// A communicator's calls on one stream of a device: their order with what else the program has put on that stream.
//
// A batch (one call, or those of a group) is given to the device when it is called, all at once: a stream of the
// library's own waits for the program's, brings the inputs to pinned memory, waits for the host (a flag), brings the
// results back, and is waited for by the program's. Whoever moves the calls on afterwards makes no call of the device's
// for that: it looks at flags, and sets one. So it cannot be held up where the program's threads wait for the device
// inside the driver. What hops of longer calls take are kernels on a second stream, which is given them on the way.
// Batches of a line run one after another, and share its memory.
#pragma once

#include <mutex>
#include <vector>

#include "runtime/device_port.hpp"
#include "runtime/line_memory.hpp"
#include "runtime/stream.hpp"

namespace coll {

class DeviceBatch;

// Memory beside the program's buffers.
struct DeviceRoom {
  size_t pinned = 0;
  size_t device = 0;
};

class DeviceLine final : public Stream, public std::enable_shared_from_this<DeviceLine> {
 public:
  // `stream` is the program's.
  DeviceLine(DevicePort& port, int device, collStream_t stream, int max_ctas);
  ~DeviceLine() override;

  // Makes its streams and flags; may wait for the device, as reserve() and close() may. Called once, first.
  Status open();
  // Frees what it holds, when no batch is left. What the work of one that failed may still write to is given up, and
  // with `leak` everything.
  void close(bool leak);

  // The next batch to be opened will need so much memory more.
  Status reserve(const DeviceRoom& room);
  // collInvalidUsage where the program's stream is being captured.
  Status open_batch() override;
  // Gives the batch to the device; what goes wrong there ends its calls, too.
  Status close_batch() override;
  DeviceLine* device_line() override { return this; }
  std::shared_ptr<DeviceBatch> batch() const { return batch_; }  // the open one
  // What went wrong with its streams. Asks the device: for threads of the program.
  Status failure() const;

  // ---- The stream of kernels, for whoever moves calls on
  // body(operations, stream) gives it work.
  template <class Body>
  Status give(const Body& body) {
    return on_device(operations_, device_, [&] { return body(operations_, work_); });
  }
  // A number for all work given so far.
  Status note(uint32_t* ticket);
  bool reached(uint32_t ticket) const;

  int max_ctas() const { return max_ctas_; }
  size_t pinned_bytes() const { return pinned_.bytes(); }
  size_t device_bytes() const { return device_memory_.bytes(); }

 private:
  friend class DeviceBatch;
  bool is_idle() const;

  DevicePort& port_;
  const DeviceOperations& operations_;
  const int device_;
  const collStream_t program_;
  const int max_ctas_;
  collStream_t order_ = nullptr;
  collStream_t work_ = nullptr;
  DeviceFlags* flags_ = nullptr;
  std::shared_ptr<DeviceBatch> batch_;  // open
  uint32_t calls_ = 0;                  // that `ready` counts
  uint32_t passes_ = 0;                 // ... `passed`
  uint32_t works_ = 0;                  // ... `worked`
  LineMemory pinned_;
  LineMemory device_memory_;
};

// What a call has copied: one buffer to or from pinned memory.
struct StagedCopy {
  void* to = nullptr;
  const void* from = nullptr;
  size_t bytes = 0;
};

// Calls that are given to the device together.
class DeviceBatch {
 public:
  // `begin` is the moment in the program's stream.
  DeviceBatch(std::shared_ptr<DeviceLine> line, std::unique_ptr<DeviceMark> begin);
  ~DeviceBatch();
  DeviceBatch(const DeviceBatch&) = delete;
  DeviceBatch& operator=(const DeviceBatch&) = delete;

  DeviceLine& line() { return *line_; }
  // Of the memory that was reserved; NULL where less was.
  std::byte* take_pinned(size_t bytes) { return pinned_.take(bytes); }
  std::byte* take_device(size_t bytes) { return device_memory_.take(bytes); }

  // While it is open: one more call, whose input is copied when the program's stream has come to the batch, and whose
  // result when the call has been finished. Its number in the batch.
  size_t add(std::vector<StagedCopy> inputs, const StagedCopy& result);
  Status launch();

  // ---- For whoever moves its calls on; these ask no device
  Status arrived(bool* here) const;  // all inputs
  void finish(size_t call);          // the host is through with it, or will never be
  bool left(size_t call) const;      // a finished call's result

 private:
  struct Member {
    std::vector<StagedCopy> inputs;
    StagedCopy result;
    bool finished = false;  // before it is launched: refused
  };
  enum class State { kOpen, kLaunched, kFailed };
  Status enqueue();
  void count_finished(size_t call);
  Status enqueue_inputs();
  Status enqueue_results();
  bool has_passed(uint32_t pass) const;

  const std::shared_ptr<DeviceLine> line_;
  std::unique_ptr<DeviceMark> begin_;  // until it is launched
  const uint32_t first_call_;          // of the line's, before the batch's own
  const uint32_t first_pass_;
  LineShare pinned_;
  LineShare device_memory_;
  mutable std::mutex mutex_;  // of what follows
  std::vector<Member> members_;
  std::vector<size_t> refused_;  // that were finished while it was open
  size_t finished_ = 0;          // calls that are, from the first on
  State state_ = State::kOpen;
  Status failure_;
};

}  // namespace coll
