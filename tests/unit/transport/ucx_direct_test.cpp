// Messages of the ucx transport in memory that it has been told of. There is no device here: the type of memory that
// counts as the device's is the host's, so that UCX registers it, finds it by its handle, and moves it.
#include <gtest/gtest.h>

#include <atomic>

#include "conformance.hpp"
#include "ranks.hpp"
#include "transport/ucx/context.hpp"
#include "transport/ucx/module.hpp"

namespace coll::test {

namespace {

constexpr size_t kLength = size_t{1} << 20;
constexpr size_t kLengths[] = {0, 1, 4096, 60'000, 70'000, kLength};  // on both sides of a rendezvous

std::unique_ptr<Transport> open_direct(Bootstrap& bootstrap, ucs_memory_type_t of_devices) {
  const FarRequest request{&bootstrap, Clock::now() + std::chrono::seconds(30), {}, true};
  std::unique_ptr<Transport> transport;
  const Status status = ucx::open_transport(request, of_devices, &transport);
  EXPECT_TRUE(status.ok()) << status.message();
  return transport;
}

// Two ranks as threads, which send to each other.
void run_pair(const std::function<void(Self& self)>& body) {
  const auto meeting = std::make_shared<Meeting>(2);
  run_ranks(2, [&](int rank) {
    InprocBootstrap bootstrap(meeting, rank);
    const std::unique_ptr<Transport> transport = open_direct(bootstrap, UCS_MEMORY_TYPE_HOST);
    ASSERT_NE(transport, nullptr);
    Self self(*transport, bootstrap);
    body(self);
    self.barrier();
  });
}

// One message each way, of every length.
void exchange(Self& self, std::span<std::byte> out, std::span<std::byte> in) {
  uint32_t tag = 0;
  for (const size_t bytes : kLengths) {
    ++tag;
    const Bytes due = pattern(self.next(), tag, bytes), own = pattern(self.rank(), tag, bytes);
    std::copy(own.begin(), own.end(), out.begin());
    std::fill(in.begin(), in.end(), std::byte{0});
    Request sent, received;
    self.receive(self.next(), tag, in, &received);
    self.send(self.next(), tag, out.first(bytes), &sent);
    self.wait(sent);
    self.wait(received);
    EXPECT_EQ(received.bytes, bytes);
    EXPECT_TRUE(std::equal(due.begin(), due.end(), in.begin())) << bytes;
  }
}

TEST(UcxDirect, MessagesComeAndGoInRegisteredMemoryAndBesideIt) {
  run_pair([](Self& self) {
    std::string why_not;
    ASSERT_TRUE(self.transport().takes_device_memory(&why_not)) << why_not;
    Bytes memory(2 * kLength), elsewhere(2 * kLength);
    const auto part = [](Bytes& of, size_t i) { return std::span(of).subspan(i * kLength, kLength); };
    const Status registered = self.transport().register_device(memory);
    ASSERT_TRUE(registered.ok()) << registered.message();
    exchange(self, part(memory, 0), part(memory, 1));
    // One rank's side is as it likes.
    exchange(self, part(self.rank() == 0 ? memory : elsewhere, 0), part(self.rank() == 0 ? elsewhere : memory, 1));
    self.transport().unregister_device(memory);
    exchange(self, part(memory, 1), part(memory, 0));
    self.transport().unregister_device(memory);  // which it does not know any more
  });
}

TEST(UcxDirect, MemoryComesAndGoesWhileMessagesMove) {
  run_pair([](Self& self) {
    Bytes memory(2 * kLength);
    ASSERT_TRUE(self.transport().register_device(memory).ok());
    std::atomic<bool> stop{false};
    int turns = 0;
    std::thread registering([&] {
      Bytes other(kLength);
      for (; !stop || turns < 10; ++turns) {
        EXPECT_TRUE(self.transport().register_device(other).ok());
        self.transport().unregister_device(other);
      }
    });
    for (int turn = 0; turn < 20; ++turn) {
      exchange(self, std::span(memory).first(kLength), std::span(memory).last(kLength));
    }
    stop = true;
    registering.join();
    self.transport().unregister_device(memory);
  });
}

// Nobody unregisters what may still be written to.
TEST(UcxDirect, MemoryOfMessagesThatWereAbandonedStaysRegisteredToTheEnd) {
  Bytes memories[2] = {Bytes(2 * kLength), Bytes(2 * kLength)};
  run_pair([&memories](Self& self) {
    Bytes& memory = memories[self.rank()];
    ASSERT_TRUE(self.transport().register_device(memory).ok());
    exchange(self, std::span(memory).first(kLength), std::span(memory).last(kLength));  // makes the connection
    Request never;
    self.send(self.next(), 1, memory, &never);  // too long to go before somebody wants it
    self.barrier();
    EXPECT_TRUE(self.transport().abandon());
    self.barrier();
    EXPECT_FALSE(never.done);
  });
}

TEST(UcxDirect, IsRefusedWhereUcxDoesNotKnowSuchMemory) {
  // ROCm's is of another vendor's devices, which no transport that is asked for knows.
  const auto meeting = std::make_shared<Meeting>(2);
  run_ranks(2, [&](int rank) {
    InprocBootstrap bootstrap(meeting, rank);
    const std::unique_ptr<Transport> transport = open_direct(bootstrap, UCS_MEMORY_TYPE_ROCM);
    ASSERT_NE(transport, nullptr);
    std::string why_not;
    EXPECT_FALSE(transport->takes_device_memory(&why_not));
    EXPECT_NE(why_not.find("says that it is not CUDA-aware"), std::string::npos) << why_not;
    Self(*transport, bootstrap).barrier();
  });
}

TEST(UcxDirect, RequestsNameTheMemoryThatTheyLieIn) {
  std::unique_ptr<ucx::Worker> worker;
  ASSERT_TRUE(ucx::Worker::make({.direct = UCS_MEMORY_TYPE_HOST}, &worker).ok());
  ucx::RegisteredMemory& known = *worker->registered_memory();
  Bytes memory(kLength), other(kLength);
  const auto is_named = [&known](std::span<const std::byte> message) {
    ucp_request_param_t param{};
    param.memory_type = UCS_MEMORY_TYPE_UNKNOWN;
    known.describe(message, &param);
    const bool named = (param.op_attr_mask & UCP_OP_ATTR_FIELD_MEMH) != 0;
    EXPECT_EQ(param.memory_type, named ? UCS_MEMORY_TYPE_HOST : UCS_MEMORY_TYPE_UNKNOWN);
    EXPECT_EQ(param.memh != nullptr, named);
    return named;
  };
  EXPECT_FALSE(is_named(memory));
  ASSERT_TRUE(known.add(memory).ok());
  EXPECT_TRUE(is_named(memory));
  EXPECT_TRUE(is_named(std::span(memory).last(1)));
  EXPECT_FALSE(is_named(std::span(memory).last(0)));
  EXPECT_FALSE(is_named(other));
  ASSERT_TRUE(known.add(other).ok());
  known.remove(memory);
  EXPECT_FALSE(is_named(memory));
  EXPECT_TRUE(is_named(other));
}

}  // namespace

}  // namespace coll::test
