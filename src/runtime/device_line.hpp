// A communicator's calls on one stream of a device: their order with what else the program has put on that stream.
//
// A batch (one call, or those of a group) marks the moment in the program's stream when it is called, and makes that
// stream wait for a flag. The library's own work, on a stream of its own, waits for the mark; when the batch has ended,
// however that went, the flag is set. So no call waits for the device, and nothing on the device waits for the host
// but the program's stream for the batch's end. Batches of a line run one after another, and share its pinned memory.
#pragma once

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

  // Makes its stream and flags; may wait for the device, as reserve() and close() may. Called once, first.
  Status open();
  // Frees what it holds, when no batch is left. What the work of one that failed may still write to is given up, and
  // with `leak` everything.
  void close(bool leak);

  // The next batch to be opened will need so much memory more.
  Status reserve(const DeviceRoom& room);
  // collInvalidUsage where the program's stream is being captured.
  Status open_batch() override;
  Status close_batch() override;
  DeviceLine* device_line() override { return this; }
  std::shared_ptr<DeviceBatch> batch() const { return batch_; }  // the open one

  // ---- Of the library's own stream; for whoever moves the line's calls on
  Status copy(void* to, const void* from, size_t bytes);
  // body(operations, stream) gives the stream other work.
  template <class Body>
  Status give(const Body& body) {
    return on_device(operations_, device_, [&] { return body(operations_, own_); });
  }
  // A number for all work given so far.
  Status note(uint32_t* ticket);
  Status reached(uint32_t ticket, bool* done);

  collStream_t program_stream() const { return program_; }
  const DeviceOperations& operations() const { return operations_; }
  int device() const { return device_; }
  int max_ctas() const { return max_ctas_; }
  size_t pinned_bytes() const { return pinned_.bytes(); }
  size_t device_bytes() const { return device_memory_.bytes(); }

 private:
  friend class DeviceBatch;
  Status make_mark(std::unique_ptr<DeviceMark>* mark) const;
  void end(uint32_t turn);

  DevicePort& port_;
  const DeviceOperations& operations_;
  const int device_;
  const collStream_t program_;
  const int max_ctas_;
  collStream_t own_ = nullptr;
  DeviceFlags* flags_ = nullptr;        // `ended` counts batches, `reached` tickets
  std::shared_ptr<DeviceBatch> batch_;  // open
  uint32_t turns_ = 0;
  uint32_t tickets_ = 0;
  int looks_ = 0;  // at `reached` since the stream was last asked whether it has failed
  LineMemory pinned_;
  LineMemory device_memory_;
};

// Calls between one mark and one flag. It ends with the last reference.
class DeviceBatch {
 public:
  DeviceBatch(std::shared_ptr<DeviceLine> line, uint32_t turn, std::unique_ptr<DeviceMark> mark);
  ~DeviceBatch();
  DeviceBatch(const DeviceBatch&) = delete;
  DeviceBatch& operator=(const DeviceBatch&) = delete;

  DeviceLine& line() { return *line_; }
  uint32_t turn() const { return turn_; }
  // The library's stream goes on when the program's has come to the batch. Its first call does that for all.
  Status hold();
  // Of the memory that was reserved; NULL where less was.
  std::byte* take_pinned(size_t bytes) { return pinned_.take(bytes); }
  std::byte* take_device(size_t bytes) { return device_memory_.take(bytes); }

 private:
  const std::shared_ptr<DeviceLine> line_;
  const uint32_t turn_;
  const std::unique_ptr<DeviceMark> mark_;
  LineShare pinned_;
  LineShare device_memory_;
  bool held_ = false;
};

}  // namespace coll
