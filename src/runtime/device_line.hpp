// A communicator's calls on one stream of a device: their order with what else the program has put on that stream.
//
// A batch (one call, or those of a group) is given to the device when it is called, all at once: a stream of the
// library's own waits for the program's, brings the inputs to pinned memory, waits for the host (a flag), brings the
// results back, and is waited for by the program's. Whoever moves the calls on afterwards makes no call of the device's
// for that: it looks at flags, and sets one. So it cannot be held up where the program's threads wait for the device
// inside the driver. Longer calls run on the device: their kernels are given with the batch, too, to streams of their
// own (device_work.hpp). Batches of a line run one after another, and share its memory.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "collectives/planner.hpp"
#include "runtime/device_direct.hpp"
#include "runtime/device_port.hpp"
#include "runtime/line_memory.hpp"
#include "runtime/stream.hpp"

namespace coll {

class DeviceBatch;
class DeviceWork;

// What calls need beside the program's buffers.
struct DeviceRoom {
  size_t pinned = 0;  // memory, bytes
  size_t device = 0;
  size_t shared = 0;   // of the device, where peers read it
  size_t direct = 0;   // of the device, where transports send from and receive to
  size_t streams = 0;  // that kernels are given to
  size_t orders = 0;   // that each of them is given, at most
  size_t words = 0;    // of each stream's gate: late addresses
};

class DeviceLine final : public Stream, public std::enable_shared_from_this<DeviceLine> {
 public:
  // `stream` is the program's; all `ways` are there.
  DeviceLine(DevicePort& port, const DeviceWays& ways, int device, collStream_t stream, int max_ctas);
  ~DeviceLine() override;

  // Makes its stream and gate; may wait for the device, as reserve() and close() may. Called once, first.
  Status open();
  // Frees what it holds, when no batch is left. What the work of one that failed may still write to is given up, and
  // with `leak` everything. Whether its streams have come to their end.
  bool close(bool leak);

  // Whether the next batch's streams of kernels take so many orders more. CUDA's take about 1,000 at a time; whoever
  // gives another waits for the device, and with it perhaps for calls that the same thread is about to make.
  bool takes(size_t orders) const { return wanted_orders_ + orders <= kMostDeviceOrders; }
  // The next batch to be opened will need so much more. collInvalidUsage where the program's stream is being captured.
  // `lends`: whether there is memory that peers may read; without it, what is sent lies in pinned memory.
  Status reserve(const DeviceRoom& room, bool* lends);
  // Before reserve(), for the same batch: memory that transports send from and receive to. `refused` says why it cannot
  // be had, and then it is not to be asked for again.
  Status reserve_direct(size_t bytes, Status* refused);
  bool has_direct() const { return has_direct_; }
  void forget_reserved();  // that batch does not come
  // collInvalidUsage where the program's stream is being captured.
  Status open_batch() override;
  // Gives the batch to the device; what goes wrong there ends its calls, too.
  Status close_batch() override;
  DeviceLine* device_line() override { return this; }
  std::shared_ptr<DeviceBatch> batch() const { return batch_; }  // the open one
  // Peers may still read what was lent to them: it is never used again.
  void keep_loans() { loans_are_out_ = true; }
  // What went wrong with its streams. Asks the device: for threads of the program.
  Status failure() const;

  // Of kernels: one for each chunk in flight, as reserved.
  collStream_t work_stream(size_t i) const { return work_[i]; }
  // Of those that were reserved; NULL where fewer were.
  DeviceGate* take_gate();
  DeviceGatePool& gates() const { return port_.gates(); }

  const DeviceOperations& operations() const { return operations_; }
  int max_ctas() const { return max_ctas_; }
  size_t pinned_bytes() const { return pinned_.bytes(); }
  size_t device_bytes() const { return device_memory_.bytes() + shared_memory_.bytes() + direct_memory_.bytes(); }

 private:
  friend class DeviceBatch;
  Status begin_batch(std::unique_ptr<DeviceMark>* begin) const;
  Status refuse_capture() const;
  Status reserve_streams(size_t streams);
  bool reserve_shared(size_t bytes);
  std::vector<collStream_t> streams() const;
  bool is_idle() const;
  bool close_here(bool leak);

  DevicePort& port_;
  DevicePeers& peers_;
  const DeviceOperations& operations_;
  const int device_;
  const collStream_t program_;
  const int max_ctas_;
  collStream_t order_ = nullptr;
  mutable std::mutex streams_mutex_;  // of work_: any thread of the program may ask for failures while it grows
  std::vector<collStream_t> work_;
  DeviceGate* gate_ = nullptr;          // of order_
  std::vector<DeviceGate*> reserved_;   // of streams of kernels, call by call
  size_t wanted_gates_ = 0;             // of them, by the next batch
  size_t wanted_orders_ = 0;            // of each stream of kernels, by the next batch
  std::shared_ptr<DeviceBatch> batch_;  // open
  uint32_t calls_ = 0;                  // that the gate opens for
  uint32_t passes_ = 0;                 // ... that are passed: one more for each batch
  LineMemory pinned_;
  LineMemory device_memory_;
  LineMemory shared_memory_;
  LineMemory direct_memory_;
  bool has_direct_ = true;
  Published published_;
  bool can_share_ = true;
  size_t too_long_ = SIZE_MAX;  // bytes that the device could not share
  std::atomic<bool> loans_are_out_{false};
};

// What is copied for a call: one buffer, or a part of it, to or from pinned memory.
struct DeviceCopy {
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
  std::byte* take_shared(size_t bytes) { return shared_memory_.take(bytes); }
  std::byte* take_direct(size_t bytes) { return direct_memory_.take(bytes); }
  const Published& published() const { return published_; }  // what take_shared() gives is part of it

  // While it is open: one more call, whose input is copied when the program's stream has come to the batch, and whose
  // result when the call has been finished. Its number in the batch.
  size_t add(std::vector<DeviceCopy> inputs, const DeviceCopy& result);
  // ... and what such a call has done on the device.
  void add(std::shared_ptr<DeviceWork> work);
  Status launch();

  // ---- For whoever moves its calls on; these ask no device
  Status arrived(bool* here) const;  // all inputs; what went wrong when the batch was given to the device
  void finish(size_t call);          // the host is through with it, or will never be
  bool left(size_t call) const;      // a finished call's result

 private:
  struct Member {
    std::vector<DeviceCopy> inputs;
    DeviceCopy result;
    bool refused = false;  // before the batch was launched
    bool finished = false;
  };
  enum class State { kOpen, kLaunched, kFailed };
  Status enqueue();
  void count_finished(size_t call);
  Status enqueue_inputs();
  Status enqueue_works();
  Status give_works();
  Status enqueue_results();
  Status join(collStream_t from, collStream_t to) const;
  bool has_passed(uint32_t pass) const { return line_->gate_->has_passed(first_pass_ + pass); }

  const std::shared_ptr<DeviceLine> line_;
  std::unique_ptr<DeviceMark> begin_;  // until it is launched
  const uint32_t first_call_;          // of the line's, before the batch's own
  const uint32_t first_pass_;
  LineShare pinned_;
  LineShare device_memory_;
  LineShare shared_memory_;
  LineShare direct_memory_;
  const Published published_;
  mutable std::mutex mutex_;  // of what follows
  std::vector<Member> members_;
  std::vector<std::shared_ptr<DeviceWork>> works_;  // until they have been given
  std::vector<size_t> refused_;                     // that were finished while it was open
  size_t finished_ = 0;                             // calls that are, from the first on
  State state_ = State::kOpen;
  Status failure_;
};

}  // namespace coll
