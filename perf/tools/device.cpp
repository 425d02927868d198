#include "device.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <vector>

#include "runtime/device_port.hpp"

namespace coll::perf {
namespace {

Problem problem_of(const Status& status) {
  if (status.ok()) return {};
  return {"--memory device: " + status.message(), status.code() == collUnsupported ? kUsage : kCheckFailed};
}

}  // namespace

Problem Device::open(const DeviceChoice& choice, std::unique_ptr<Device>* device) {
  std::unique_ptr<DeviceOperations> operations;
  if (Problem p = problem_of(open_devices(&operations))) return p;
  auto made = std::make_unique<Device>(std::move(operations));
  if (Problem p = made->take(choice)) return p;
  *device = std::move(made);
  return {};
}

Problem Device::take(const DeviceChoice& choice) {
  std::vector<DeviceFacts> all;
  if (Problem p = problem_of(operations_->devices(&all))) return p;
  if (all.empty()) return {"--memory device: there is no device", kUsage};
  number_ = device_of(choice, static_cast<int>(all.size()));
  name_ = all[static_cast<size_t>(number_)].name;
  DevicePlace before;  // not to be left again
  if (Problem p = problem_of(operations_->use(number_, &before))) return p;
  if (Problem p = problem_of(operations_->make_stream(&stream_))) return p;
  return problem_of(operations_->make_timer(&timer_));
}

Device::~Device() {
  if (stream_ != nullptr) static_cast<void>(operations_->drop_stream(stream_));
}

Problem Device::copy(void* to, const void* from, size_t bytes) const {
  if (Problem p = problem_of(operations_->copy(to, from, bytes, stream_))) return p;
  return synchronize();
}

Problem Device::synchronize() const { return problem_of(operations_->synchronize(stream_)); }

Problem Device::start() const { return problem_of(timer_->start(stream_)); }

Problem Device::stop(double* us) const {
  if (Problem p = problem_of(timer_->stop(stream_))) return p;
  return problem_of(timer_->elapsed_us(us));
}

DeviceMemory::DeviceMemory(const Device& device, size_t bytes, bool by_library)
    : device_(device), by_library_(by_library) {
  const size_t least = std::max<size_t>(bytes, 1);
  void* memory = nullptr;
  const bool made = by_library ? collMemAllocDevice(&memory, least, device.number_) == collSuccess
                               : device.operations_->allocate(least, &memory).ok();
  if (!made) throw std::bad_alloc();
  memory_ = static_cast<std::byte*>(memory);
}

DeviceMemory::~DeviceMemory() {
  if (by_library_) collMemFree(memory_);
  if (!by_library_) static_cast<void>(device_.operations_->release(memory_));
}

}  // namespace coll::perf
