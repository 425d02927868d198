// What every transport must do, written once: each case is run by every rank of a communicator, as threads or as
// processes. A transport that is added needs a line in transport_conformance_test.cpp, or a main of its own.
#pragma once

#include <chrono>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/bootstrap.hpp"
#include "transport/transport.hpp"

namespace coll::test {

using Bytes = std::vector<std::byte>;

// One rank's view of a case.
class Self {
 public:
  Self(Transport& transport, Bootstrap& bootstrap) : transport_(transport), bootstrap_(bootstrap) {}

  Transport& transport() { return transport_; }
  int rank() const { return bootstrap_.rank(); }
  int nranks() const { return bootstrap_.nranks(); }
  int next() const { return (rank() + 1) % nranks(); }
  int previous() const { return (rank() + nranks() - 1) % nranks(); }

  // All of these report failures to GoogleTest.
  void send(int peer, uint32_t tag, std::span<const std::byte> bytes, Request* request);
  void receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request);
  void progress();
  void wait(const Request& request);
  Control wait_control();
  void barrier();

 private:
  Transport& transport_;
  Bootstrap& bootstrap_;
};

// Bytes that say who sent them, with which tag, and where in the message they stood.
Bytes pattern(int from, uint32_t tag, size_t bytes);

struct Case {
  std::string_view name;
  std::function<void(Self&)> body;
};
const std::vector<Case>& conformance_cases();
// Some of them.
void messages_from_the_arena(Self& self);
void messages_to_copy(Self& self);
void notices_are_read_by_all(Self& self);

}  // namespace coll::test
