#include "runtime/stream.hpp"

#include "runtime/communicator.hpp"

namespace coll {

Stream::Stream() = default;
Stream::~Stream() = default;

void Stream::enqueue(std::unique_ptr<Operation> operation) {
  const std::lock_guard lock(mutex_);
  operations_.push_back(std::move(operation));
}

bool Stream::advance(Mover mover, bool* moved) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return mover == Mover::kProgressThread;  // whoever is here may leave some
  while (!operations_.empty()) {
    bool done = false;
    Operation& front = *operations_.front();
    const bool any_mover = front.communicator().progress_thread_allowed();
    if (mover == Mover::kProgressThread && !any_mover) return false;
    const Status status = front.communicator().advance(front, moved, &done);
    if (!status.ok() && failure_.ok()) failure_ = status;
    if (status.ok() && !done) return any_mover;
    operations_.pop_front();  // from here on the communicator may be gone
    *moved = true;
  }
  return false;
}

bool Stream::empty() const {
  const std::lock_guard lock(mutex_);
  return operations_.empty();
}

Status Stream::take_failure() {
  const std::lock_guard lock(mutex_);
  return std::exchange(failure_, Status());
}

}  // namespace coll
