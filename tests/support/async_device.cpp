#include "support/async_device.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <utility>

#include "support/device_work.hpp"

namespace coll::test {
namespace {

// No address of anything, and even, as CUDA's are.
constexpr uintptr_t kOwnStreams = 0x100000000000, kUserStreams = 0x200000000000, kDefaultStreams = 0x300000000000;
constexpr uintptr_t kApart = 64;

constexpr int kNowhere = -1;
thread_local int current_device = kNowhere;

// As a context of the driver's is: NULL where the thread has none.
void* place_of(int device) { return reinterpret_cast<void*>(static_cast<uintptr_t>(device + 1)); }

collStream_t stream_of(uintptr_t handle) { return reinterpret_cast<collStream_t>(handle); }

}  // namespace

struct AsyncDevice::State {
  HiddenMemory memory;
  std::atomic<int> shared{0}, hops{0}, hops_done{0}, copies{0}, most_blocks{0}, prepared{0}, allocations{0};
  std::atomic<size_t> copied_bytes{0};
  std::atomic<bool> sharing_forbidden{false}, opening_forbidden{false}, disordered{false};
  std::mutex mutex;
  Status failure;  // of the next hop or copy
  std::set<uintptr_t> captured, own_streams;
  std::set<std::thread::id> callers;
  std::set<int> contexts;
  uintptr_t next_stream = kOwnStreams;
  WorkQueues queues;  // ends before what its work uses
};

// Each set() is a moment of its own, so that it may be set again while a stream still waits for an earlier one.
class AsyncDevice::Mark final : public DeviceMark {
 public:
  explicit Mark(const AsyncDevice& device) : device_(device), made_on_(device.device_of_thread()) {}
  ~Mark() override { device_.device_of_thread(); }

  Status set(collStream_t stream) override {
    uintptr_t handle = 0;
    int device = 0;
    COLL_TRY(device_.find_stream(stream, &handle, &device));
    if (device != made_on_) return {collUnhandledCudaError, "a mark of one device is set on a stream of another"};
    auto moment = std::make_shared<WorkQueues::Moment>();
    const std::lock_guard lock(mutex_);
    COLL_TRY(device_.queue(stream, {.reaches = moment}));
    latest_ = std::move(moment);
    return {};
  }
  Status hold(collStream_t stream) override {
    const std::lock_guard lock(mutex_);
    return device_.queue(stream, {.after = latest_});
  }

 private:
  const AsyncDevice& device_;
  int made_on_;
  std::mutex mutex_;
  std::shared_ptr<WorkQueues::Moment> latest_;
};

// Moments as the thread that does the work comes to them.
class AsyncDevice::Timer final : public DeviceTimer {
 public:
  explicit Timer(const AsyncDevice& device) : device_(device) {}

  Status start(collStream_t stream) override { return note(stream, begin_); }
  Status stop(collStream_t stream) override {
    stopped_ = stream;
    return note(stream, end_);
  }
  Status elapsed_us(double* us) override {
    COLL_TRY(device_.synchronize(stopped_));
    *us = std::chrono::duration<double, std::micro>(*end_ - *begin_).count();
    return {};
  }

 private:
  using Clock = std::chrono::steady_clock;
  Status note(collStream_t stream, const std::shared_ptr<Clock::time_point>& moment) const {
    const auto act = [moment] {
      *moment = Clock::now();
      return Status();
    };
    return device_.queue(stream, {.act = act});
  }

  const AsyncDevice& device_;
  collStream_t stopped_ = nullptr;
  std::shared_ptr<Clock::time_point> begin_ = std::make_shared<Clock::time_point>();
  std::shared_ptr<Clock::time_point> end_ = std::make_shared<Clock::time_point>();
};

Status AsyncDevice::make_timer(std::unique_ptr<DeviceTimer>* timer) const {
  *timer = std::make_unique<Timer>(*this);
  return {};
}

AsyncDevice::AsyncDevice() : state_(std::make_unique<State>()) {
  for (int device = 0; device < kDevices; ++device) {
    state_->queues.open(kDefaultStreams + kApart * static_cast<uintptr_t>(device), device);
  }
}

AsyncDevice::~AsyncDevice() = default;

Status AsyncDevice::devices(std::vector<DeviceFacts>* all) const {
  all->assign(kDevices, {"fake", 90, 1, kMemoryBytes, 0, !state_->disordered});
  return {};
}

Status AsyncDevice::owner_of(const void* address, MemoryOwner* owner) const {
  *owner = state_->memory.owner_of(address);
  return {};
}

Status AsyncDevice::current(int* device) const {
  *device = current_device == kNowhere ? 0 : current_device;
  return {};
}

Status AsyncDevice::current_address(std::string* pci) const {
  *pci = current_device == kNowhere ? "" : kAddresses[static_cast<size_t>(current_device)];
  return {};
}

Status AsyncDevice::use(int device, DevicePlace* before) const {
  if (device < 0 || device >= kDevices) return {collUnhandledCudaError, text("no device ", device)};
  *before = {place_of(current_device), true};
  current_device = device;
  device_of_thread();
  return {};
}

Status AsyncDevice::leave(const DevicePlace& before) const {
  current_device = static_cast<int>(reinterpret_cast<uintptr_t>(before.context)) - 1;
  return {};
}

int AsyncDevice::device_of_thread() const {
  if (current_device == kNowhere) current_device = 0;
  const std::lock_guard lock(state_->mutex);
  state_->contexts.insert(current_device);
  return current_device;
}

Status AsyncDevice::run(const DeviceHop& hop, collStream_t stream) const {
  uintptr_t handle = 0;
  int device = 0;
  COLL_TRY(find_stream(stream, &handle, &device));
  if (device != current_device) return {collUnhandledCudaError, "a hop on a stream of another than the current device"};
  ++state_->hops;
  state_->most_blocks = hop.most_blocks;
  const auto act = [state = state_.get(), stored = StoredHop(hop), device, failure = take_failure()]() -> Status {
    const Status status = failure.ok() ? stored.run(state->memory, device) : failure;
    ++state->hops_done;
    return status;
  };
  return queue(stream, {.act = act});
}

Status AsyncDevice::copy(void* to, const void* from, size_t bytes, collStream_t stream) const {
  uintptr_t handle = 0;
  int device = 0;
  COLL_TRY(find_stream(stream, &handle, &device));
  ++state_->copies;
  state_->copied_bytes += bytes;
  const auto act = [memory = &state_->memory, to, from, bytes, failure = take_failure()]() -> Status {
    return failure.ok() ? copy_now(*memory, to, from, bytes) : failure;
  };
  return queue(stream, {.act = act});
}

Status AsyncDevice::zero(void* memory, size_t bytes, collStream_t stream) const {
  const auto act = [all = &state_->memory, memory, bytes]() -> Status {
    HiddenMemory::Reached reached;
    COLL_TRY(all->reach(memory, bytes, HiddenMemory::kAnyDevice, &reached));
    std::memset(reached.at, 0, bytes);
    return {};
  };
  return queue(stream, {.act = act});
}

Status AsyncDevice::synchronize(collStream_t stream) const {
  uintptr_t handle = 0;
  int device = 0;
  COLL_TRY(find_stream(stream, &handle, &device));
  return state_->queues.wait(handle);
}

Status AsyncDevice::query(collStream_t stream) const {
  uintptr_t handle = 0;
  int device = 0;
  COLL_TRY(find_stream(stream, &handle, &device));
  return state_->queues.query(handle);
}

Status AsyncDevice::is_captured(collStream_t stream, bool* captured) const {
  uintptr_t handle = 0;
  int device = 0;
  COLL_TRY(find_stream(stream, &handle, &device));
  const std::lock_guard lock(state_->mutex);
  *captured = state_->captured.count(handle) != 0;
  return {};
}

Status AsyncDevice::make_mark(std::unique_ptr<DeviceMark>* mark) const {
  *mark = std::make_unique<Mark>(*this);
  return {};
}

Status AsyncDevice::await_flag(collStream_t stream, const uint32_t* flag, uint32_t value) const {
  const auto ready = [memory = &state_->memory, flag, value](bool* is) {
    return look_at_flag(*memory, flag, value, is);
  };
  return queue(stream, {.ready = ready});
}

Status AsyncDevice::set_flag(collStream_t stream, uint32_t* flag, uint32_t value) const {
  const auto act = [memory = &state_->memory, flag, value] { return write_flag(*memory, flag, value); };
  return queue(stream, {.act = act});
}

Status AsyncDevice::set_then_await(collStream_t stream, uint32_t* flag, uint32_t value, const uint32_t* awaited,
                                   uint32_t until) const {
  const auto ready = [memory = &state_->memory, flag, value, awaited, until, set = false](bool* is) mutable -> Status {
    if (!std::exchange(set, true)) COLL_TRY(write_flag(*memory, flag, value));
    return look_at_flag(*memory, awaited, until, is);
  };
  return queue(stream, {.ready = ready});
}

Status AsyncDevice::make_stream(collStream_t* stream) const {
  const int device = device_of_thread();
  const std::lock_guard lock(state_->mutex);
  const uintptr_t handle = state_->next_stream += kApart;
  state_->queues.open(handle, device);
  state_->own_streams.insert(handle);
  *stream = stream_of(handle);
  return {};
}

Status AsyncDevice::drop_stream(collStream_t stream) const {
  device_of_thread();
  const std::lock_guard lock(state_->mutex);
  const auto handle = reinterpret_cast<uintptr_t>(stream);
  if (state_->own_streams.erase(handle) == 0) return {collUnhandledCudaError, "no stream to drop"};
  return state_->queues.close(handle);
}

Status AsyncDevice::load_kernels() const {
  device_of_thread();
  ++state_->prepared;
  return {};
}

Status AsyncDevice::allocate_pinned(size_t bytes, void** memory) const {
  ++state_->allocations;
  device_of_thread();
  return state_->memory.allocate(bytes, {MemoryKind::kPinned, -1}, memory);
}

Status AsyncDevice::release_pinned(void* memory) const {
  ++state_->allocations;
  device_of_thread();
  return state_->memory.release(memory, MemoryKind::kPinned);
}

Status AsyncDevice::share(void* memory, DeviceShare* share) const {
  if (state_->sharing_forbidden) return {collUnsupported, "this memory cannot be shared"};
  HiddenMemory::Share shared;
  COLL_TRY(state_->memory.share(memory, device_of_thread(), &shared));
  ++state_->shared;
  static_assert(sizeof shared <= sizeof share->bytes);
  *share = {};
  std::memcpy(share->bytes.data(), &shared, sizeof shared);
  return {};
}

Status AsyncDevice::open_shared(const DeviceShare& share, void** memory) const {
  if (state_->opening_forbidden) return {collUnsupported, "the devices do not reach each other's memory"};
  HiddenMemory::Share shared;
  std::memcpy(&shared, share.bytes.data(), sizeof shared);
  return state_->memory.make_alias(shared, device_of_thread(), memory);
}

Status AsyncDevice::close_shared(void* memory) const { return state_->memory.drop_alias(memory, device_of_thread()); }

Status AsyncDevice::allocate(size_t bytes, void** memory) const {
  ++state_->allocations;
  if (bytes > kMemoryBytes) return {collUnhandledCudaError, "out of memory"};
  return state_->memory.allocate(bytes, {MemoryKind::kDevice, device_of_thread()}, memory);
}

Status AsyncDevice::release(void* memory) const {
  ++state_->allocations;
  device_of_thread();
  return state_->memory.release(memory, MemoryKind::kDevice);
}

// ---- For tests

collStream_t AsyncDevice::user_stream(int i, int device) {
  const auto number = static_cast<uintptr_t>(i) * kDevices + static_cast<uintptr_t>(device);
  const uintptr_t handle = kUserStreams + kApart * number;
  state_->queues.open(handle, device);
  return stream_of(handle);
}

void AsyncDevice::own(const void* begin, size_t bytes, MemoryKind kind, int device) {
  state_->memory.own(begin, bytes, {kind, device});
}
void AsyncDevice::disown(const void* begin) { state_->memory.disown(begin); }

void AsyncDevice::hold_all(bool held) { state_->queues.hold_all(held); }
void AsyncDevice::share_channels() { state_->queues.share_channels(); }

void AsyncDevice::capture(collStream_t stream, bool captured) {
  uintptr_t handle = 0;
  int device = 0;
  EXPECT_TRUE(find_stream(stream, &handle, &device).ok());
  const std::lock_guard lock(state_->mutex);
  if (captured) state_->captured.insert(handle);
  if (!captured) state_->captured.erase(handle);
}

void AsyncDevice::forbid_sharing(bool forbidden) { state_->sharing_forbidden = forbidden; }

void AsyncDevice::forbid_opening(bool forbidden) { state_->opening_forbidden = forbidden; }

void AsyncDevice::disorder(bool disordered) { state_->disordered = disordered; }

size_t AsyncDevice::reached() const { return state_->memory.aliases_reached(); }

void AsyncDevice::fail_next(const char* what) {
  const std::lock_guard lock(state_->mutex);
  state_->failure = {collUnhandledCudaError, what};
}

void AsyncDevice::upload(void* device, const void* host, size_t bytes) {
  HiddenMemory::Reached reached;
  const Status status = state_->memory.reach(device, bytes, HiddenMemory::kAnyDevice, &reached);
  EXPECT_TRUE(status.ok()) << status.message();
  if (status.ok()) std::memcpy(reached.at, host, bytes);
}

void AsyncDevice::download(void* host, const void* device, size_t bytes) {
  HiddenMemory::Reached reached;
  const Status status = state_->memory.reach(device, bytes, HiddenMemory::kAnyDevice, &reached);
  EXPECT_TRUE(status.ok()) << status.message();
  if (status.ok()) std::memcpy(host, reached.at, bytes);
}

int AsyncDevice::hops() const { return state_->hops; }
int AsyncDevice::hops_done() const { return state_->hops_done; }
int AsyncDevice::copies() const { return state_->copies; }
size_t AsyncDevice::copied_bytes() const { return state_->copied_bytes; }
int AsyncDevice::most_blocks() const { return state_->most_blocks; }
size_t AsyncDevice::take_longest_queue() { return state_->queues.take_longest(); }
std::set<std::thread::id> AsyncDevice::take_callers() {
  const std::lock_guard lock(state_->mutex);
  return std::exchange(state_->callers, {});
}
int AsyncDevice::prepared() const { return state_->prepared; }
int AsyncDevice::allocations() const { return state_->allocations; }

bool AsyncDevice::is_thread_at_a_device() { return current_device != kNowhere; }
std::set<int> AsyncDevice::contexts() const {
  const std::lock_guard lock(state_->mutex);
  return state_->contexts;
}

size_t AsyncDevice::live() const {
  const std::lock_guard lock(state_->mutex);
  return state_->memory.live() + state_->own_streams.size();
}

int AsyncDevice::shared() const { return state_->shared; }
size_t AsyncDevice::opened() const { return state_->memory.aliases(); }

Status AsyncDevice::queue(collStream_t stream, WorkQueues::Work work) const {
  uintptr_t handle = 0;
  int device = 0;
  COLL_TRY(find_stream(stream, &handle, &device));
  return state_->queues.add(handle, std::move(work));
}

Status AsyncDevice::find_stream(collStream_t stream, uintptr_t* handle, int* device) const {
  const int now = device_of_thread();
  *handle =
      stream != nullptr ? reinterpret_cast<uintptr_t>(stream) : kDefaultStreams + kApart * static_cast<uintptr_t>(now);
  {
    const std::lock_guard lock(state_->mutex);
    state_->callers.insert(std::this_thread::get_id());
  }
  return state_->queues.device_of(*handle, device);
}

Status AsyncDevice::take_failure() const {
  const std::lock_guard lock(state_->mutex);
  return std::exchange(state_->failure, Status());
}

}  // namespace coll::test
