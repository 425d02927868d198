// Memory of a device as tests use it: filled, and read back, through the table of device operations, so that it serves
// a real device and one that is none.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "runtime/process.hpp"
#include "tests/support/elements.hpp"

namespace coll::test {

// The devices that communicators of this process find.
inline const DeviceOperations& devices_of_process() { return *Process::acquire()->devices().operations(); }

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

}  // namespace coll::test
