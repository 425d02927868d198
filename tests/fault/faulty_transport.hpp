// A transport that hands one of its messages on damaged.
#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "tests/support/forwarding_transport.hpp"

namespace coll::test {

enum class Damage { kNone, kFlipBit, kTruncate, kExtend };

struct Fault {
  Damage damage = Damage::kNone;
  int message = 0;           // which one, counted from 0 among those of least_bytes
  size_t least_bytes = 200;  // longer than what ranks compare before a call
};

class FaultyTransport final : public ForwardingTransport {
 public:
  FaultyTransport(std::unique_ptr<Transport> real, const Fault& fault)
      : ForwardingTransport(std::move(real)), fault_(fault) {}

  Status send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) override {
    if (message.size() < fault_.least_bytes || seen_++ != fault_.message)
      return real().send(peer, tag, message, request);
    auto& copy = damaged_.emplace_back(message.begin(), message.end());
    if (fault_.damage == Damage::kFlipBit) copy[copy.size() / 2] ^= std::byte{0x10};
    if (fault_.damage == Damage::kTruncate) copy.resize(copy.size() / 2);
    if (fault_.damage == Damage::kExtend) copy.resize(copy.size() + 4);
    return real().send(peer, tag, copy, request);
  }

 private:
  Fault fault_;
  int seen_ = 0;
  std::deque<std::vector<std::byte>> damaged_;
};

}  // namespace coll::test
