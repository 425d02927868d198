// A device without one: host memory that is registered as its, and kernels that run lane by lane, at once.
#pragma once

#include <cstdlib>
#include <cstring>
#include <map>

#include "device/operations.hpp"
#include "support/emulated_kernels.hpp"

namespace coll::test {

class FakeDevice final : public DeviceOperations {
 public:
  // What a test wants to know afterwards.
  struct Log {
    int hops = 0, copies = 0;
    int current = 0;                // device
    int ran_on = -1;                // device of the last hop or copy
    collStream_t stream = nullptr;  // its stream
  };
  explicit FakeDevice(Log* log) : log_(log) {}

  // [begin, begin + bytes) is memory of `device`.
  void own(const void* begin, size_t bytes, int device, MemoryKind kind = MemoryKind::kDevice) {
    ranges_[static_cast<const std::byte*>(begin)] = {bytes, {kind, device}};
  }

  std::string version() const override { return "none"; }
  std::string kernels() const override { return "emulated"; }
  Status devices(std::vector<DeviceFacts>* all) const override {
    all->assign(2, {"fake", 90, 1, 0, 0});
    return {};
  }
  Status owner_of(const void* address, MemoryOwner* owner) const override {
    *owner = {};
    const auto* const at = static_cast<const std::byte*>(address);
    auto next = ranges_.upper_bound(at);
    if (next == ranges_.begin()) return {};
    --next;
    if (at < next->first + next->second.bytes) *owner = next->second.owner;
    return {};
  }
  Status current(int* device) const override {
    *device = log_->current;
    return {};
  }
  Status current_address(std::string*) const override { return {collUnsupported, "a device that is nowhere"}; }
  Status use(int device, DevicePlace* before) const override {
    *before = {reinterpret_cast<void*>(static_cast<uintptr_t>(log_->current) + 1), true};
    log_->current = device;
    return {};
  }
  Status leave(const DevicePlace& before) const override {
    log_->current = static_cast<int>(reinterpret_cast<uintptr_t>(before.context)) - 1;
    return {};
  }
  Status run(const DeviceHop& hop, collStream_t stream) const override {
    note(&log_->hops, stream);
    return run_emulated(hop);
  }
  Status copy(void* to, const void* from, size_t bytes, collStream_t stream) const override {
    note(&log_->copies, stream);
    std::memmove(to, from, bytes);
    return {};
  }
  Status zero(void* memory, size_t bytes, collStream_t) const override {
    std::memset(memory, 0, bytes);
    return {};
  }
  Status synchronize(collStream_t) const override { return {}; }
  Status query(collStream_t) const override { return {}; }
  Status is_captured(collStream_t, bool* captured) const override {
    *captured = false;
    return {};
  }
  Status make_mark(std::unique_ptr<DeviceMark>* mark) const override {
    *mark = std::make_unique<Mark>();
    return {};
  }
  Status await_flag(collStream_t, const uint32_t* flag, uint32_t value) const override {
    const bool reached = static_cast<int32_t>(__atomic_load_n(flag, __ATOMIC_ACQUIRE) - value) >= 0;
    return reached ? Status() : Status(collUnsupported, "work that is done at once cannot wait");
  }
  Status set_flag(collStream_t, uint32_t* flag, uint32_t value) const override {
    __atomic_store_n(flag, value, __ATOMIC_RELEASE);
    return {};
  }
  Status set_then_await(collStream_t stream, uint32_t* flag, uint32_t value, const uint32_t* awaited,
                        uint32_t until) const override {
    COLL_TRY(set_flag(stream, flag, value));
    return await_flag(stream, awaited, until);
  }
  Status make_stream(collStream_t* stream) const override {
    *stream = reinterpret_cast<collStream_t>(uintptr_t{1} << 41);
    return {};
  }
  Status drop_stream(collStream_t) const override { return {}; }
  Status load_kernels() const override { return {}; }
  Status allocate_pinned(size_t bytes, void** memory) const override { return allocate_aligned(bytes, kPage, memory); }
  Status release_pinned(void* memory) const override { return release(memory); }
  // Its users are alone with it.
  Status share(void*, DeviceShare*) const override { return {collUnsupported, "nobody to share memory with"}; }
  Status open_shared(const DeviceShare&, void**) const override { return {collUnsupported, "nobody shares memory"}; }
  Status close_shared(void*) const override { return {collUnsupported, "nobody shares memory"}; }
  Status allocate(size_t bytes, void** memory) const override { return allocate_aligned(bytes, kAlignment, memory); }
  Status release(void* memory) const override {
    std::free(memory);
    return {};
  }
  Status make_timer(std::unique_ptr<DeviceTimer>*) const override { return {collUnsupported, "nothing to time"}; }
  void tune(int, int) override {}

 private:
  static constexpr size_t kAlignment = 256;  // as CUDA gives it
  static constexpr size_t kPage = 4096;

  // All that was done before has been done.
  class Mark final : public DeviceMark {
   public:
    Status set(collStream_t) override { return {}; }
    Status hold(collStream_t) override { return {}; }
  };
  struct Range {
    size_t bytes;
    MemoryOwner owner;
  };
  static Status allocate_aligned(size_t bytes, size_t alignment, void** memory) {
    *memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    return *memory != nullptr ? Status() : Status(collSystemError, "out of memory");
  }
  void note(int* calls, collStream_t stream) const {
    ++*calls;
    log_->ran_on = log_->current;
    log_->stream = stream;
  }

  Log* log_;
  std::map<const std::byte*, Range> ranges_;
};

}  // namespace coll::test
