#include "runtime/process.hpp"

#include "runtime/stream.hpp"

namespace coll {

std::shared_ptr<Process> Process::acquire() {
  static std::mutex mutex;
  static std::weak_ptr<Process> current;
  const std::lock_guard lock(mutex);
  std::shared_ptr<Process> process = current.lock();
  if (!process) current = process = std::make_shared<Process>();
  return process;
}

Status Process::allocate(size_t bytes, void** memory) {
  COLL_TRY(regions_->allocate(bytes, memory));
  const std::lock_guard lock(mutex_);
  self_ = shared_from_this();
  return {};
}

Status Process::release(void* memory) {
  COLL_TRY(regions_->release(memory));
  const std::lock_guard lock(mutex_);
  if (regions_->empty()) self_.reset();  // the caller holds another reference
  return {};
}

void Process::add(const std::shared_ptr<Stream>& stream) {
  const std::lock_guard lock(mutex_);
  streams_.push_back(stream);
}

void Process::advance_streams(bool* moved) {
  std::vector<std::shared_ptr<Stream>> alive;
  {
    const std::lock_guard lock(mutex_);
    if (streams_.empty()) return;
    std::erase_if(streams_, [](const auto& stream) { return stream.expired(); });
    for (const auto& stream : streams_) {
      if (auto held = stream.lock()) alive.push_back(std::move(held));
    }
  }
  for (const auto& stream : alive) stream->advance(moved);
}

}  // namespace coll
