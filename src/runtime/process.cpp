#include "runtime/process.hpp"

#include <pthread.h>

#include <utility>
#include <vector>

#include "runtime/stream.hpp"

namespace coll {

namespace {

struct Registry {
  std::mutex mutex;
  std::weak_ptr<Process> current;
  std::shared_ptr<Process> forking;  // between the two ends of a fork()
  std::shared_ptr<DevicePort> devices = std::make_shared<DevicePort>();
  std::vector<std::shared_ptr<DevicePort>> of_parents;  // in a child, which the driver does not serve
};

Registry& registry() {
  static Registry* const one = new Registry;  // the driver may be gone before what is destroyed last
  return *one;
}

void before_fork() {
  registry().mutex.lock();
  registry().forking = registry().current.lock();
  if (registry().forking) registry().forking->before_fork();
}

void after_fork(bool in_child) {
  const std::shared_ptr<Process> held = std::move(registry().forking);
  if (in_child) {
    registry().of_parents.push_back(std::exchange(registry().devices, std::make_shared<DevicePort>()));
    if (held) held->replace_devices(registry().devices);
  }
  if (held) held->after_fork(in_child);
  registry().mutex.unlock();
}

void watch_forks() {
  static const int watched = pthread_atfork(
      before_fork, [] { after_fork(false); }, [] { after_fork(true); });
  static_cast<void>(watched);  // out of memory: children of a fork then have to exec
}

}  // namespace

Process::Process() : devices_(registry().devices) { start_anew(); }
Process::~Process() = default;

std::shared_ptr<Process> Process::acquire() {
  const std::lock_guard lock(registry().mutex);
  std::shared_ptr<Process> process = registry().current.lock();
  if (!process) registry().current = process = std::make_shared<Process>();
  return process;
}

Status Process::allocate(size_t bytes, void** memory) {
  COLL_TRY(regions_->allocate(bytes, memory));
  const std::lock_guard lock(mutex_);
  self_ = shared_from_this();
  return {};
}

Status Process::allocate_on_device(size_t bytes, int device, void** memory) {
  COLL_TRY(device_memory_.allocate(*devices_, bytes, device, memory));
  const std::lock_guard lock(mutex_);
  self_ = shared_from_this();
  return {};
}

Status Process::release(void* memory) {
  bool on_device = false;
  COLL_TRY(device_memory_.release(memory, &on_device));
  if (!on_device) COLL_TRY(regions_->release(memory));
  const std::lock_guard lock(mutex_);
  if (regions_->empty() && device_memory_.empty()) self_.reset();  // the caller holds another reference
  return {};
}

void Process::add(const std::shared_ptr<Stream>& stream) {
  const std::lock_guard lock(mutex_);
  streams_.push_back(stream);
  any_streams_ = true;
}

std::vector<std::shared_ptr<Stream>> Process::streams() {
  std::vector<std::shared_ptr<Stream>> alive;
  if (!any_streams_.load(std::memory_order_acquire)) return alive;
  const std::lock_guard lock(mutex_);
  std::erase_if(streams_, [](const auto& stream) { return stream.expired(); });
  any_streams_ = !streams_.empty();
  for (const auto& stream : streams_) {
    if (auto held = stream.lock()) alive.push_back(std::move(held));
  }
  return alive;
}

void Process::advance_streams(bool* moved) {
  bool left = false;
  for (const auto& stream : streams()) left |= stream->advance(Mover::kProgram, moved);
  if (left) progress_->wake();
}

bool Process::take_turn(bool* moved) {
  bool left = false;
  for (const auto& stream : streams()) left |= stream->advance(Mover::kProgressThread, moved);
  return left;
}

void Process::wake_progress(const Room& room) {
  watch_forks();
  progress_->wake(room);
}

void Process::start_anew() {
  progress_ = std::make_unique<Progress>([this](bool* moved) { return take_turn(moved); });
}

void Process::before_fork() { progress_->before_fork(); }

void Process::after_fork(bool in_child) {
  if (!in_child) return progress_->after_fork();
  static_cast<void>(progress_.release());  // waited on by a thread that is not here
  start_anew();
}

}  // namespace coll
