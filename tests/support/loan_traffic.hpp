// What ranks send each other, and how much of it is loans of device memory.
#pragma once

#include <atomic>
#include <cstring>
#include <memory>
#include <utility>

#include "runtime/device_notices.hpp"
#include "tests/support/forwarding_transport.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

struct Traffic {
  std::atomic<size_t> bytes{0};
  std::atomic<size_t> loans{0};
};

inline bool is_loan(std::span<const std::byte> message) {
  DeviceLoan loan{};
  if (message.size() != sizeof loan) return false;
  std::memcpy(&loan, message.data(), sizeof loan);
  return loan.kind == DeviceLoan::kKind;
}

class CountingTransport final : public ForwardingTransport {
 public:
  CountingTransport(std::unique_ptr<Transport> real, std::shared_ptr<Traffic> traffic)
      : ForwardingTransport(std::move(real)), traffic_(std::move(traffic)) {}

  Status send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) override {
    traffic_->bytes += message.size();
    if (is_loan(message)) ++traffic_->loans;
    return ForwardingTransport::send(peer, tag, message, request);
  }

 private:
  std::shared_ptr<Traffic> traffic_;
};

// For WorldOptions::wrap.
inline auto counting(std::shared_ptr<Traffic> traffic) {
  return [traffic = std::move(traffic)](int, std::unique_ptr<Transport> real) {
    return std::make_unique<CountingTransport>(std::move(real), traffic);
  };
}

}  // namespace coll::test
