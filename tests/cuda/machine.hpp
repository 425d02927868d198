// A device for the tests: runs hops whose buffers are host memory on copies of them.
#pragma once

#include <memory>

#include "runtime/device_port.hpp"

namespace coll::test {

// The operations that main() opened.
DeviceOperations*& machine_operations();

// Device memory with the host's bytes at the same offset from an aligned address as these have, and not a byte more
// behind them, for compute-sanitizer to see.
class DeviceCopy {
 public:
  DeviceCopy() = default;
  ~DeviceCopy();
  DeviceCopy(DeviceCopy&& other) noexcept;
  DeviceCopy& operator=(DeviceCopy&&) = delete;
  Status make(const void* host, size_t bytes);
  Status copy_back(void* host) const;
  std::byte* data() const { return data_; }

 private:
  void* memory_ = nullptr;
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
};

Status run_on_machine(const DeviceHop& hop);
Status run_late_on_machine(const DeviceHop& hop);  // all addresses are; buffers' are multiples of 16

}  // namespace coll::test
