#include "conformance.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace coll::test {

namespace {

constexpr std::chrono::seconds kPatience{60};

// Sends `bytes` to the next rank and receives from the previous one; both directions of a pair where there are two
// ranks.
void around(Self& self, uint32_t tag, size_t bytes) {
  const Bytes out = pattern(self.rank(), tag, bytes);
  Bytes in(bytes);
  Request sent, received;
  self.receive(self.previous(), tag, in, &received);
  self.send(self.next(), tag, out, &sent);
  self.wait(sent);
  self.wait(received);
  EXPECT_EQ(received.bytes, bytes);
  EXPECT_FALSE(received.truncated);
  EXPECT_TRUE(in == pattern(self.previous(), tag, bytes)) << bytes << " bytes differ";
}

void sizes(Self& self) {
  uint32_t tag = 1;
  for (const size_t bytes : {0, 1, 2, 15, 16, 17, 255, 4079, 4080, 4081, 4096, 65537}) around(self, tag++, bytes);
}

void larger_than_any_ring(Self& self) {
  around(self, 7, (size_t{5} << 20) + 13);
  around(self, 7, (size_t{5} << 20) + 1);
}

void same_tag_keeps_order(Self& self) {
  constexpr size_t kMessages = 300;
  std::vector<Bytes> out, in(kMessages, Bytes(64));
  std::vector<Request> sent(kMessages), received(kMessages);
  for (size_t i = 0; i < kMessages; ++i) out.push_back(pattern(self.rank(), static_cast<uint32_t>(i), i % 64));
  for (size_t i = 0; i < kMessages / 2; ++i) self.receive(self.previous(), 3, in[i], &received[i]);
  for (size_t i = 0; i < kMessages; ++i) self.send(self.next(), 3, out[i], &sent[i]);
  self.progress();
  for (size_t i = kMessages / 2; i < kMessages; ++i) self.receive(self.previous(), 3, in[i], &received[i]);
  for (size_t i = 0; i < kMessages; ++i) {
    self.wait(received[i]);
    self.wait(sent[i]);
    ASSERT_EQ(received[i].bytes, i % 64) << "message " << i;
    in[i].resize(i % 64);
    ASSERT_TRUE(in[i] == pattern(self.previous(), static_cast<uint32_t>(i), i % 64)) << "message " << i;
  }
}

void tags_in_any_order(Self& self) {
  constexpr uint32_t kTags = 40;
  std::vector<Bytes> out, in;
  std::vector<Request> sent(kTags), received(kTags);
  for (uint32_t tag = 0; tag < kTags; ++tag) {
    out.push_back(pattern(self.rank(), tag, 1000 + 997 * tag));
    in.emplace_back(1000 + 997 * tag);
  }
  for (uint32_t tag = 0; tag < kTags; ++tag) self.send(self.next(), tag, out[tag], &sent[tag]);
  for (uint32_t tag = kTags; tag-- > 0;) self.receive(self.previous(), tag, in[tag], &received[tag]);
  for (uint32_t tag = 0; tag < kTags; ++tag) {
    self.wait(sent[tag]);
    self.wait(received[tag]);
    EXPECT_TRUE(in[tag] == pattern(self.previous(), tag, in[tag].size())) << "tag " << tag;
  }
}

// A large message that nobody waits for must not hold up the small one behind it.
void unexpected_does_not_block(Self& self) {
  const Bytes large = pattern(self.rank(), 1, size_t{3} << 20);
  const Bytes small = pattern(self.rank(), 2, 100);
  Bytes large_in(large.size()), small_in(small.size());
  Request sent[2], received[2];
  self.send(self.next(), 1, large, &sent[0]);
  self.send(self.next(), 2, small, &sent[1]);
  self.receive(self.previous(), 2, small_in, &received[1]);
  self.wait(received[1]);
  EXPECT_TRUE(small_in == pattern(self.previous(), 2, 100));
  self.receive(self.previous(), 1, large_in, &received[0]);
  self.wait(received[0]);
  EXPECT_TRUE(large_in == pattern(self.previous(), 1, large_in.size()));
  self.wait(sent[0]);
  self.wait(sent[1]);
}

// A receive that is posted while its message is coming in takes over what is there already.
void receive_posted_half_way(Self& self) {
  const Bytes out = pattern(self.rank(), 1, size_t{3} << 20);
  Bytes in(out.size()), later(8);
  Request sent[2], received[2];
  self.receive(self.previous(), 2, later, &received[1]);
  self.send(self.next(), 1, out, &sent[0]);
  for (int i = 0; i < 3; ++i) self.progress();
  self.receive(self.previous(), 1, in, &received[0]);
  self.wait(received[0]);
  self.wait(sent[0]);
  EXPECT_TRUE(in == pattern(self.previous(), 1, in.size()));
  const Bytes last = pattern(self.rank(), 2, 8);
  self.send(self.next(), 2, last, &sent[1]);
  self.wait(sent[1]);
  self.wait(received[1]);
  EXPECT_TRUE(later == pattern(self.previous(), 2, 8));
}

void late_receives_find_everything(Self& self) {
  const Bytes out = pattern(self.rank(), 5, 700);
  Request sent[3];
  for (uint32_t i = 0; i < 3; ++i) self.send(self.next(), i, out, &sent[i]);
  self.barrier();
  for (uint32_t i = 0; i < 3; ++i) {
    Bytes in(700);
    Request received;
    self.receive(self.previous(), 2 - i, in, &received);
    self.wait(received);
    EXPECT_TRUE(in == pattern(self.previous(), 5, 700));
  }
  for (const Request& request : sent) self.wait(request);
}

void all_to_all(Self& self) {
  const auto n = static_cast<size_t>(self.nranks());
  std::vector<Bytes> out(n), in(n);
  std::vector<Request> sent(n), received(n);
  for (int peer = 0; peer < self.nranks(); ++peer) {
    if (peer == self.rank()) continue;
    const auto p = static_cast<size_t>(peer);
    const size_t bytes = 10001 * (p + 1);
    out[p] = pattern(self.rank(), 9, bytes);
    in[p].resize(10001 * (static_cast<size_t>(self.rank()) + 1));
    self.send(peer, 9, out[p], &sent[p]);
    self.receive(peer, 9, in[p], &received[p]);
  }
  for (int peer = 0; peer < self.nranks(); ++peer) {
    if (peer == self.rank()) continue;
    const auto p = static_cast<size_t>(peer);
    self.wait(sent[p]);
    self.wait(received[p]);
    EXPECT_TRUE(in[p] == pattern(peer, 9, in[p].size())) << "from rank " << peer;
  }
}

// A message longer than its buffer fills the buffer, says so, and leaves the next one alone.
void truncation_is_told(Self& self) {
  const Bytes out = pattern(self.rank(), 4, 50000);
  const Bytes after = pattern(self.rank(), 6, 33);
  Bytes in(1000 + 16, std::byte{0x5a}), after_in(33);
  Request sent[2], received[2];
  self.receive(self.previous(), 4, std::span(in).first(1000), &received[0]);
  self.receive(self.previous(), 4, after_in, &received[1]);
  self.barrier();  // so that the receives are there first on every transport
  self.send(self.next(), 4, out, &sent[0]);
  self.send(self.next(), 4, after, &sent[1]);
  self.wait(received[0]);
  self.wait(received[1]);
  EXPECT_TRUE(received[0].truncated);
  EXPECT_EQ(received[0].bytes, 1000u);
  for (size_t i = 1000; i < in.size(); ++i) EXPECT_EQ(in[i], std::byte{0x5a}) << "written behind the buffer";
  EXPECT_FALSE(received[1].truncated);
  EXPECT_TRUE(after_in == pattern(self.previous(), 6, 33));
  self.wait(sent[0]);
  self.wait(sent[1]);
}

void shorter_than_its_buffer(Self& self) {
  const Bytes out = pattern(self.rank(), 4, 10);
  Bytes in(100, std::byte{0x5a});
  Request sent, received;
  self.receive(self.previous(), 4, in, &received);
  self.send(self.next(), 4, out, &sent);
  self.wait(received);
  EXPECT_EQ(received.bytes, 10u);
  EXPECT_FALSE(received.truncated);
  EXPECT_EQ(in[10], std::byte{0x5a});
  self.wait(sent);
}

void controls_keep_order_among_data(Self& self) {
  constexpr uint64_t kControls = 50;
  const Bytes out = pattern(self.rank(), 8, size_t{2} << 20);
  Bytes in(out.size());
  Request sent, received;
  self.receive(self.previous(), 8, in, &received);
  self.send(self.next(), 8, out, &sent);
  for (uint64_t i = 0; i < kControls; ++i) {
    Control control;
    control.kind = Control::kPresent;
    control.from = self.rank();
    control.sequence = i;
    std::snprintf(control.text, sizeof control.text, "number %d", static_cast<int>(i));
    const Status status = self.transport().send_control(self.next(), control);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  for (uint64_t i = 0; i < kControls; ++i) {
    const Control control = self.wait_control();
    ASSERT_EQ(control.from, self.previous());
    ASSERT_EQ(control.sequence, i);
    EXPECT_EQ(control.text, "number " + std::to_string(i));
  }
  self.wait(received);
  self.wait(sent);
  EXPECT_TRUE(in == pattern(self.previous(), 8, in.size()));
  // A transport may hold control messages back until progress() finds room: stay until the next rank has them all.
  Request told, heard;
  self.receive(self.next(), 9, {}, &heard);
  self.send(self.previous(), 9, {}, &told);
  self.wait(heard);
  self.wait(told);
}

void controls_from_everybody(Self& self) {
  for (int peer = 0; peer < self.nranks(); ++peer) {
    Control control;
    control.kind = Control::kFailed;
    control.from = self.rank();
    if (peer == self.rank()) continue;
    EXPECT_TRUE(self.transport().send_control(peer, control).ok());
  }
  std::vector<int> heard(static_cast<size_t>(self.nranks()));
  for (int i = 1; i < self.nranks(); ++i) ++heard[static_cast<size_t>(self.wait_control().from)];
  for (int peer = 0; peer < self.nranks(); ++peer) {
    EXPECT_EQ(heard[static_cast<size_t>(peer)], peer == self.rank() ? 0 : 1) << "rank " << peer;
  }
}

// Ranks agree on a random sequence of messages; each posts and waits in an order of its own.
void random_traffic(Self& self) {
  std::mt19937 common(4711);
  std::mt19937 own(static_cast<unsigned>(self.rank()) + 1);
  for (int round = 0; round < 10; ++round) {
    std::vector<size_t> lengths(32);
    for (size_t& bytes : lengths) bytes = common() % (common() % 8 == 0 ? 300000 : 300);
    std::vector<uint32_t> order(lengths.size());
    for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), own);
    std::vector<Bytes> out(lengths.size()), in(lengths.size());
    std::vector<Request> sent(lengths.size()), received(lengths.size());
    for (const uint32_t i : order) {
      out[i] = pattern(self.rank(), i, lengths[i]);
      in[i].resize(lengths[i]);
      if (own() % 2 == 0) self.progress();
      self.send(self.next(), i, out[i], &sent[i]);
    }
    std::shuffle(order.begin(), order.end(), own);
    for (const uint32_t i : order) self.receive(self.previous(), i, in[i], &received[i]);
    for (const uint32_t i : order) {
      self.wait(received[i]);
      self.wait(sent[i]);
      ASSERT_TRUE(in[i] == pattern(self.previous(), i, lengths[i])) << "round " << round << " message " << i;
    }
  }
}

void progress_says_when_something_moves(Self& self) {
  const Bytes out = pattern(self.rank(), 4, 3000);
  Bytes in(out.size());
  Request sent, received;
  self.receive(self.previous(), 4, in, &received);
  self.send(self.next(), 4, out, &sent);
  bool moved = false;
  const auto deadline = Clock::now() + kPatience;
  while (!received.done && Clock::now() < deadline) EXPECT_TRUE(self.transport().progress(&moved).ok());
  EXPECT_TRUE(received.done);
  EXPECT_TRUE(moved);
  self.wait(sent);
}

void progress_says_when_nothing_moves(Self& self) {
  self.barrier();
  bool moved = false;
  EXPECT_TRUE(self.transport().progress(&moved).ok());
  EXPECT_FALSE(moved);
  // News of peers is no progress.
  Control control;
  control.from = self.rank();
  EXPECT_TRUE(self.transport().send_control(self.next(), control).ok());
  self.barrier();
  const auto deadline = Clock::now() + kPatience;
  while (!self.transport().poll_control(&control) && Clock::now() < deadline) {
    EXPECT_TRUE(self.transport().progress(&moved).ok());
  }
  EXPECT_EQ(control.from, self.previous());
  EXPECT_FALSE(moved);
  moved = true;
  EXPECT_TRUE(self.transport().progress(&moved).ok());
  EXPECT_TRUE(moved) << "a flag that was set is left alone";
}

void strangers_are_refused(Self& self) {
  Request request;
  Bytes bytes(4);
  for (const int peer : {-1, self.nranks()}) {
    EXPECT_FALSE(self.transport().reaches(peer));
    EXPECT_EQ(self.transport().send(peer, 0, bytes, &request).code(), collInvalidArgument);
    EXPECT_EQ(self.transport().receive(peer, 0, bytes, &request).code(), collInvalidArgument);
    EXPECT_EQ(self.transport().send_control(peer, {}).code(), collInvalidArgument);
  }
  EXPECT_TRUE(self.transport().reaches(self.next()));
}

// Last, since it ends the data's part of the transport's life: control messages still work.
void abandon_forgets_requests(Self& self) {
  // What MPI may still write to has to live on.
  static thread_local Bytes never(64, std::byte{0x5a});
  auto out = std::make_unique<Bytes>(pattern(self.rank(), 99, size_t{4} << 20));
  Request received, sent;
  around(self, 1, 100);  // a connection that is still being made may hold control messages back
  self.receive(self.previous(), 98, never, &received);
  self.send(self.next(), 99, *out, &sent);
  self.barrier();
  const bool leak = self.transport().abandon();
  self.barrier();
  for (int i = 0; i < 10; ++i) self.progress();
  EXPECT_FALSE(received.done);
  EXPECT_EQ(self.transport().send(self.next(), 1, never, &sent).code(), collInvalidUsage);
  EXPECT_EQ(self.transport().receive(self.next(), 1, never, &sent).code(), collInvalidUsage);
  Control control;
  control.kind = Control::kFailed;
  control.from = self.rank();
  EXPECT_TRUE(self.transport().send_control(self.next(), control).ok());
  EXPECT_EQ(self.wait_control().from, self.previous());
  if (leak) static_cast<void>(out.release());
  self.barrier();
}

}  // namespace

Bytes pattern(int from, uint32_t tag, size_t bytes) {
  Bytes all(bytes);
  uint64_t state = static_cast<uint64_t>(from) << 32 | tag;
  for (size_t at = 0; at < bytes; at += sizeof state) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const uint64_t mixed = state ^ state >> 29;
    std::memcpy(all.data() + at, &mixed, std::min(sizeof mixed, bytes - at));
  }
  return all;
}

void Self::send(int peer, uint32_t tag, std::span<const std::byte> bytes, Request* request) {
  const Status status = transport_.send(peer, tag, bytes, request);
  EXPECT_TRUE(status.ok()) << status.message();
}

void Self::receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) {
  const Status status = transport_.receive(peer, tag, buffer, request);
  EXPECT_TRUE(status.ok()) << status.message();
}

void Self::progress() {
  bool moved = false;
  const Status status = transport_.progress(&moved);
  EXPECT_TRUE(status.ok()) << status.message();
}

void Self::wait(const Request& request) {
  const auto deadline = Clock::now() + kPatience;
  while (!request.done && Clock::now() < deadline) {
    progress();
    std::this_thread::yield();
  }
  ASSERT_TRUE(request.done) << "rank " << rank() << " waits in vain";
}

Control Self::wait_control() {
  const auto deadline = Clock::now() + kPatience;
  Control control;
  while (Clock::now() < deadline) {
    if (transport_.poll_control(&control)) return control;
    progress();
    std::this_thread::yield();
  }
  ADD_FAILURE() << "rank " << rank() << " waits for a control message in vain";
  return control;
}

void Self::barrier() {
  const std::byte mine{1};
  Bytes all(static_cast<size_t>(nranks()));
  const Status status = bootstrap_.allgather({&mine, 1}, all.data(), Clock::now() + kPatience);
  EXPECT_TRUE(status.ok()) << status.message();
}

const std::vector<Case>& conformance_cases() {
  static const std::vector<Case> cases = {
      {"sizes", sizes},
      {"larger_than_any_ring", larger_than_any_ring},
      {"same_tag_keeps_order", same_tag_keeps_order},
      {"tags_in_any_order", tags_in_any_order},
      {"unexpected_does_not_block", unexpected_does_not_block},
      {"receive_posted_half_way", receive_posted_half_way},
      {"late_receives_find_everything", late_receives_find_everything},
      {"all_to_all", all_to_all},
      {"truncation_is_told", truncation_is_told},
      {"messages_from_the_arena", messages_from_the_arena},
      {"messages_to_copy", messages_to_copy},
      {"notices_are_read_by_all", notices_are_read_by_all},
      {"shorter_than_its_buffer", shorter_than_its_buffer},
      {"controls_keep_order_among_data", controls_keep_order_among_data},
      {"controls_from_everybody", controls_from_everybody},
      {"random_traffic", random_traffic},
      {"progress_says_when_something_moves", progress_says_when_something_moves},
      {"progress_says_when_nothing_moves", progress_says_when_nothing_moves},
      {"strangers_are_refused", strangers_are_refused},
      {"abandon_forgets_requests", abandon_forgets_requests},
  };
  return cases;
}

}  // namespace coll::test
