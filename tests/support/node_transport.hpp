// A transport to ranks of this node and of others, which takes device memory that nobody gives it here.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "tests/support/forwarding_transport.hpp"

namespace coll::test {

class NodeTransport final : public ForwardingTransport {
 public:
  NodeTransport(std::unique_ptr<Transport> real, std::function<bool(int rank)> of_node)
      : ForwardingTransport(std::move(real)), of_node_(std::move(of_node)) {}
  bool takes_device_memory(std::string*) const override { return true; }
  std::span<std::byte> notices(int rank) override {
    return of_node_(rank) ? ForwardingTransport::notices(rank) : std::span<std::byte>();
  }

 private:
  const std::function<bool(int rank)> of_node_;
};

}  // namespace coll::test
