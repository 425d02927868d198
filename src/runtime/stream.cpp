#include "runtime/stream.hpp"

#include "runtime/communicator.hpp"

namespace coll {

Stream::Stream() = default;
Stream::~Stream() = default;

void Stream::enqueue(std::unique_ptr<Operation> operation) {
  const std::lock_guard lock(mutex_);
  operations_.push_back(std::move(operation));
}

void Stream::advance(bool* moved) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return;
  while (!operations_.empty()) {
    bool done = false;
    Operation& front = *operations_.front();
    const Status status = front.communicator().advance(front, moved, &done);
    if (!status.ok() && failure_.ok()) failure_ = status;
    if (status.ok() && !done) return;
    operations_.pop_front();
    *moved = true;
  }
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
