// A transport that sends late: a message is read from its buffer only when everything that this rank waits for has
// come, or after a while. So a plan or an executor that overwrites what is still being sent is found out each time.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "tests/support/forwarding_transport.hpp"

namespace coll::test {

class LateTransport final : public ForwardingTransport {
 public:
  explicit LateTransport(std::unique_ptr<Transport> real) : ForwardingTransport(std::move(real)) {}

  Status send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) override {
    held_.push_back({peer, tag, message, request});
    return {};
  }

  Status receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) override {
    COLL_TRY(real().receive(peer, tag, buffer, request));
    if (!request->done) awaited_.push_back(request);  // one that is done may be gone before the next progress()
    return {};
  }

  Status progress(bool* moved) override {
    COLL_TRY(real().progress(moved));
    std::erase_if(awaited_, [](const Request* request) { return request->done; });
    if (held_.empty()) return {};
    ++turns_;
    quiet_turns_ = awaited_.empty() ? quiet_turns_ + 1 : 0;
    if (quiet_turns_ < kQuietTurns && turns_ < kMostTurns) return {};
    turns_ = quiet_turns_ = 0;
    for (; !held_.empty(); held_.pop_front()) {
      const Held& next = held_.front();
      COLL_TRY(real().send(next.peer, next.tag, next.message, next.request));
    }
    *moved = true;
    return {};
  }

  bool abandon() override {
    held_.clear();
    awaited_.clear();
    return real().abandon();
  }

 private:
  static constexpr int kQuietTurns = 3;   // in between, whoever waits acts on what has come
  static constexpr int kMostTurns = 100;  // where what is awaited depends on what is held
  struct Held {
    int peer;
    uint32_t tag;
    std::span<const std::byte> message;
    Request* request;
  };

  std::deque<Held> held_;
  std::vector<Request*> awaited_;
  int turns_ = 0;
  int quiet_turns_ = 0;
};

}  // namespace coll::test
