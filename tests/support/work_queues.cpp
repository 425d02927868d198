#include "support/work_queues.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace coll::test {

namespace {

constexpr std::chrono::microseconds kBetweenLooks{20};
constexpr int kYields = 20;  // before it sleeps between looks at flags

}  // namespace

WorkQueues::WorkQueues() : server_([this] { serve(); }) {}

WorkQueues::~WorkQueues() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  server_.join();
}

void WorkQueues::open(uintptr_t handle, int device) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Queue>& queue = open_[handle];
  if (queue != nullptr) return;
  queue = std::make_shared<Queue>();
  queue->device = device;
  all_.push_back(queue);
}

Status WorkQueues::close(uintptr_t handle) {
  std::shared_ptr<Queue> queue;
  const std::lock_guard lock(mutex_);
  COLL_TRY(find(handle, &queue));
  queue->closed = true;
  open_.erase(handle);
  changed_.notify_all();
  return {};
}

Status WorkQueues::device_of(uintptr_t handle, int* device) const {
  std::shared_ptr<Queue> queue;
  const std::lock_guard lock(mutex_);
  COLL_TRY(find(handle, &queue));
  *device = queue->device;
  return {};
}

Status WorkQueues::add(uintptr_t handle, Work work) {
  std::shared_ptr<Queue> queue;
  const std::lock_guard lock(mutex_);
  COLL_TRY(find(handle, &queue));
  if (shares_channels_) join_channel(&work);
  queue->work.push_back(std::move(work));
  longest_ = std::max(longest_, queue->work.size());
  if (!queue->failure.ok()) fail(queue.get(), queue->failure);
  if (asleep_) changed_.notify_all();
  return {};
}

Status WorkQueues::query(uintptr_t handle) const {
  std::shared_ptr<Queue> queue;
  const std::lock_guard lock(mutex_);
  COLL_TRY(find(handle, &queue));
  return queue->idle() ? queue->failure : Status(collInProgress, "");
}

Status WorkQueues::wait(uintptr_t handle) const {
  std::shared_ptr<Queue> queue;
  Lock lock(mutex_);
  COLL_TRY(find(handle, &queue));
  idle_.wait(lock, [&] { return queue->idle(); });
  return queue->failure;
}

size_t WorkQueues::take_longest() {
  const std::lock_guard lock(mutex_);
  return std::exchange(longest_, 0);
}

void WorkQueues::join_channel(Work* work) {
  std::shared_ptr<Channel>& channel = channels_[std::this_thread::get_id()];
  if (channel == nullptr) channel = std::make_shared<Channel>();
  work->channel = channel;
  work->number = added_++;
  channel->insert(work->number);
}

void WorkQueues::share_channels() {
  const std::lock_guard lock(mutex_);
  shares_channels_ = true;
}

void WorkQueues::hold_all(bool held) {
  const std::lock_guard lock(mutex_);
  held_ = held;
  changed_.notify_all();
}

Status WorkQueues::find(uintptr_t handle, std::shared_ptr<Queue>* queue) const {
  const auto found = open_.find(handle);
  if (found == open_.end()) return {collUnhandledCudaError, text("no stream has the handle ", handle)};
  *queue = found->second;
  return {};
}

void WorkQueues::serve() {
  Lock lock(mutex_);
  int idle = 0;
  while (!stopping_) {
    if (go_round(&lock)) {
      idle = 0;
      continue;
    }
    if (held_ || !has_work()) {
      asleep_ = true;
      changed_.wait(lock, [this] { return stopping_ || (!held_ && has_work()); });
      asleep_ = false;
      continue;
    }
    lock.unlock();  // heads wait for flags, which nobody announces
    if (++idle < kYields) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(kBetweenLooks);
    }
    lock.lock();
  }
}

// One piece of work of each queue; whether there was any that could be done.
bool WorkQueues::go_round(Lock* lock) {
  std::erase_if(all_, [](const auto& queue) { return queue->closed && queue->idle(); });
  const auto round = all_;
  bool any = false;
  for (const auto& queue : round) {
    if (held_ || stopping_) break;
    if (queue->work.empty() || !head_is_ready(queue.get())) continue;
    do_head(lock, queue.get());
    any = true;
  }
  return any;
}

bool WorkQueues::has_work() const {
  return std::any_of(all_.begin(), all_.end(), [](const auto& queue) { return !queue->work.empty(); });
}

// Where it is not, its time has not come, or the queue has failed.
bool WorkQueues::head_is_ready(Queue* queue) {
  const Work& head = queue->work.front();
  if (head.channel != nullptr && *head.channel->begin() != head.number) return false;
  if (head.after != nullptr && !head.after->reached) return false;
  if (head.after != nullptr && !head.after->failure.ok()) {
    fail(queue, head.after->failure);
    return false;
  }
  bool is = true;
  const Status status = head.ready ? head.ready(&is) : Status();
  if (!status.ok()) fail(queue, status);
  return status.ok() && is;
}

void WorkQueues::do_head(Lock* lock, Queue* queue) {
  const Work work = std::move(queue->work.front());
  queue->work.pop_front();
  queue->busy = true;
  lock->unlock();
  const Status status = work.act ? work.act() : Status();
  lock->lock();
  queue->busy = false;
  if (work.channel != nullptr) work.channel->erase(work.number);
  if (work.reaches != nullptr) *work.reaches = {true, status};
  if (!status.ok()) fail(queue, status);
  if (queue->work.empty()) idle_.notify_all();
}

// Moments that are dropped count as reached: who waits for them has failed too, and need not wait for ever.
void WorkQueues::fail(Queue* queue, Status failure) {
  queue->failure = std::move(failure);
  for (const Work& work : queue->work) {
    if (work.reaches != nullptr) *work.reaches = {true, queue->failure};
    if (work.channel != nullptr) work.channel->erase(work.number);
  }
  queue->work.clear();
  idle_.notify_all();
}

}  // namespace coll::test
