// Memory and streams of a device as tests use them, through the table of device operations, so that they serve a real
// device and one that is none.
#pragma once

#include <memory>
#include <vector>

#include "runtime/process.hpp"
#include "tests/support/elements.hpp"

namespace coll::test {

// The port that tests of devices run with. Each program has one: a device that is none, or the machine's.
std::unique_ptr<DevicePort> device_port_of_tests();

// Makes that port the process's, for communicators that are made, and end, while this lives.
class TestDevices {
 public:
  TestDevices();
  ~TestDevices();
  TestDevices(const TestDevices&) = delete;
  TestDevices& operator=(const TestDevices&) = delete;

 private:
  std::shared_ptr<Process> process_ = Process::acquire();
};

// The devices that communicators of this process find.
inline const DeviceOperations& devices_of_process() { return *Process::acquire()->devices().operations(); }

// Its memory comes from, and goes back to, a store: freeing it would wait for all work of the device, and so for calls
// that other ranks of this process have already made.
class DeviceBuffer {
 public:
  DeviceBuffer(const DeviceOperations& operations, size_t bytes);
  ~DeviceBuffer();
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  std::byte* data() const { return memory_; }
  size_t bytes() const { return bytes_; }
  void put(const std::byte* from, size_t bytes, size_t offset = 0);
  Bytes get(size_t offset, size_t bytes) const;
  Bytes get() const { return get(0, bytes_); }
  // Frees what is in the store.
  static void empty_store(const DeviceOperations& operations);

 private:
  const DeviceOperations& operations_;
  size_t bytes_;
  std::byte* memory_ = nullptr;
  std::byte* pinned_ = nullptr;  // what is copied goes through here
  collStream_t stream_ = nullptr;
};

// A stream of a device; one per rank, as calls of two ranks on one stream would wait for each other.
class DeviceStream {
 public:
  explicit DeviceStream(const DeviceOperations& operations);
  ~DeviceStream();
  DeviceStream(const DeviceStream&) = delete;
  DeviceStream& operator=(const DeviceStream&) = delete;

  collStream_t get() const { return stream_; }
  Status synchronize() const { return operations_.synchronize(stream_); }

 private:
  const DeviceOperations& operations_;
  collStream_t stream_ = nullptr;
};

// The stream of a rank on the process's devices, while TestDevices lives.
const DeviceStream& stream_of_rank(int rank);

}  // namespace coll::test
