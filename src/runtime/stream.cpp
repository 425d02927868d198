#include "runtime/stream.hpp"

#include "runtime/communicator.hpp"

namespace coll {

Stream::Stream() = default;
Stream::~Stream() = default;

void Stream::enqueue(std::unique_ptr<Operation> operation) {
  const std::lock_guard lock(mutex_);
  if (!open_) batches_.emplace_back();
  batches_.back().push_back(std::move(operation));
}

Status Stream::open_batch() {
  const std::lock_guard lock(mutex_);
  batches_.emplace_back();
  open_ = true;
  return {};
}

Status Stream::close_batch() {
  const std::lock_guard lock(mutex_);
  open_ = false;
  if (!batches_.empty() && batches_.back().empty()) batches_.pop_back();
  return {};
}

bool Stream::advance(Mover mover, bool* moved) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return mover == Mover::kProgressThread;  // whoever is here may leave some
  while (!batches_.empty()) {
    const bool left = advance_front(mover, moved);
    if (!batches_.front().empty() || (open_ && batches_.size() == 1)) return left;
    batches_.pop_front();
  }
  return false;
}

// Tells whether there is work left that the progress thread may do.
bool Stream::advance_front(Mover mover, bool* moved) {
  Batch& front = batches_.front();
  bool left = false;
  for (auto at = front.begin(); at != front.end();) {
    Operation& operation = **at;
    const bool any_mover = operation.any_mover();
    bool done = false;
    Status status;
    if (mover == Mover::kProgram || any_mover) status = operation.communicator().advance(operation, moved, &done);
    if (!status.ok() && failure_.ok()) failure_ = status;
    if (status.ok() && !done) {
      left |= any_mover;
      ++at;
      continue;
    }
    at = front.erase(at);  // from here on the communicator may be gone
    *moved = true;
  }
  return left;
}

bool Stream::empty() const {
  const std::lock_guard lock(mutex_);
  return batches_.empty();
}

Status Stream::take_failure() {
  const std::lock_guard lock(mutex_);
  return std::exchange(failure_, Status());
}

}  // namespace coll
