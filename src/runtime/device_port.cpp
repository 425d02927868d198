#include "runtime/device_port.hpp"

#include <dlfcn.h>
#include <link.h>

namespace coll {

namespace {

constexpr const char* kDriver = "libcuda.so.1";
constexpr const char* kModule = "libcoll_cuda.so.0";

bool driver_loaded() {
  void* const driver = ::dlopen(kDriver, RTLD_LAZY | RTLD_NOLOAD);
  if (driver != nullptr) ::dlclose(driver);
  return driver != nullptr;
}

// Libraries that this process has loaded so far: a counter of the loader's, where looking for one searches folders.
unsigned long long libraries_loaded() {
  unsigned long long count = 0;
  const auto first = [](dl_phdr_info* info, size_t, void* to) {
    *static_cast<unsigned long long*>(to) = info->dlpi_adds;
    return 1;  // no further one
  };
  ::dl_iterate_phdr(first, &count);
  return count;
}

}  // namespace

// Neither library is ever closed: threads of the driver may be in them.
Status open_devices(std::unique_ptr<DeviceOperations>* operations) {
  if (::dlopen(kDriver, RTLD_NOW | RTLD_LOCAL) == nullptr) {
    return {collUnsupported, text("no NVIDIA driver: cannot load ", ::dlerror())};
  }
  void* const library = ::dlopen(kModule, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return {collUnsupported, text("cannot load ", ::dlerror())};
  using Entry = const DeviceModule* (*)();
  const auto entry = reinterpret_cast<Entry>(::dlsym(library, "collModuleCUDA"));
  const DeviceModule* const module = entry != nullptr ? entry() : nullptr;
  if (module == nullptr || module->abi != kDeviceAbi) {
    return {collUnsupported, text(kModule, " is of another version than libcoll.so")};
  }
  return module->open(operations);
}

DevicePort::DevicePort(std::unique_ptr<DeviceOperations> operations)
    : tried_(true), operations_(std::move(operations)), known_(operations_.get()) {}

DeviceOperations* DevicePort::operations(std::string* why_not) {
  const std::lock_guard lock(mutex_);
  if (!tried_) {
    const unsigned long long libraries = libraries_loaded();
    if (libraries == looked_at_ || !driver_loaded()) {
      looked_at_ = libraries;
      if (why_not != nullptr) *why_not = text("this process has not loaded ", kDriver);
      return nullptr;
    }
    try_to_open();
  }
  if (operations_ == nullptr && why_not != nullptr) *why_not = opened_.message();
  return operations_.get();
}

DeviceOperations* DevicePort::open(std::string* why_not) {
  const std::lock_guard lock(mutex_);
  if (!tried_) try_to_open();
  if (operations_ == nullptr) *why_not = opened_.message();
  return operations_.get();
}

void DevicePort::try_to_open() {
  opened_ = open_devices(&operations_);
  tried_ = driver_loaded();  // else there may be one later
  known_.store(operations_.get(), std::memory_order_release);
}

}  // namespace coll
