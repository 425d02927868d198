// A transport that the progress thread may not call, as MPI's is below MPI_THREAD_MULTIPLE, and that notes who does.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "tests/support/forwarding_transport.hpp"

namespace coll::test {

class ThreadIds {
 public:
  void note() {
    const std::lock_guard lock(mutex_);
    ids_.insert(std::this_thread::get_id());
  }
  std::set<std::thread::id> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(ids_, {});
  }

 private:
  std::mutex mutex_;
  std::set<std::thread::id> ids_;
};

class OwnThreadTransport final : public ForwardingTransport {
 public:
  OwnThreadTransport(std::unique_ptr<Transport> real, std::shared_ptr<ThreadIds> visitors)
      : ForwardingTransport(std::move(real)), visitors_(std::move(visitors)) {}

  Status send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) override {
    visitors_->note();
    return real().send(peer, tag, message, request);
  }
  Status receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) override {
    visitors_->note();
    return real().receive(peer, tag, buffer, request);
  }
  Status progress(bool* moved) override {
    visitors_->note();
    return real().progress(moved);
  }
  bool any_thread() const override { return false; }

 private:
  std::shared_ptr<ThreadIds> visitors_;
};

}  // namespace coll::test
