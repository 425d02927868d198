// A transport over another one, which does all that the class derived from it does not do otherwise.
#pragma once

#include <memory>
#include <utility>

#include "transport/transport.hpp"

namespace coll::test {

class ForwardingTransport : public Transport {
 public:
  explicit ForwardingTransport(std::unique_ptr<Transport> real) : real_(std::move(real)) {}

  std::string_view name() const override { return real_->name(); }
  bool reaches(int peer) const override { return real_->reaches(peer); }
  Status send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) override {
    return real_->send(peer, tag, message, request);
  }
  Status receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) override {
    return real_->receive(peer, tag, buffer, request);
  }
  Status progress(bool* moved) override { return real_->progress(moved); }
  std::span<std::byte> notices(int rank) override { return real_->notices(rank); }
  Status send_control(int peer, const Control& control) override { return real_->send_control(peer, control); }
  bool poll_control(Control* control) override { return real_->poll_control(control); }
  bool abandon() override { return real_->abandon(); }
  bool any_thread() const override { return real_->any_thread(); }

 protected:
  Transport& real() const { return *real_; }

 private:
  std::unique_ptr<Transport> real_;
};

}  // namespace coll::test
