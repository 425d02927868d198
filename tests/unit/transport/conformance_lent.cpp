// The cases of what others can read, or have copied, where it lies: messages and notices.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "conformance.hpp"

namespace coll::test {

namespace {

constexpr size_t kNoticeWords = kNoticeBytes / sizeof(uint64_t);

std::atomic_ref<uint64_t> word(std::span<std::byte> notices, size_t at) {
  return std::atomic_ref<uint64_t>(*(reinterpret_cast<uint64_t*>(notices.data()) + at));
}

// What a rank leaves there: never zero.
uint64_t note(int rank, size_t at) { return (static_cast<uint64_t>(rank) + 1) * kNoticeWords + at; }

}  // namespace

// Messages from memory that peers can read, where a transport has some: by view, by copy, and before their receive.
void messages_from_the_arena(Self& self) {
  constexpr size_t kBytes = 20000, kRounds = 150;  // more than can be lent at once
  const std::span<std::byte> arena = self.transport().arena();
  Bytes own(3 * kBytes);
  const auto memory = arena.empty() ? std::span(own) : arena.first(3 * kBytes);
  for (uint32_t i = 0; i < 3; ++i) {
    const Bytes bytes = pattern(self.rank(), i, kBytes);
    std::copy(bytes.begin(), bytes.end(), memory.begin() + static_cast<std::ptrdiff_t>(i * kBytes));
  }
  self.barrier();
  for (size_t round = 0; round < kRounds; ++round) {
    Bytes in[3] = {Bytes(kBytes), Bytes(kBytes), Bytes(kBytes)};
    Request sent[3], received[3];
    received[0].may_view = true;
    for (uint32_t i = 0; i < 2; ++i) self.receive(self.previous(), i, in[i], &received[i]);
    for (uint32_t i = 0; i < 3; ++i) self.send(self.next(), i, memory.subspan(i * kBytes, kBytes), &sent[i]);
    self.wait(received[0]);
    self.receive(self.previous(), 2, in[2], &received[2]);
    for (uint32_t i = 0; i < 3; ++i) {
      self.wait(received[i]);
      EXPECT_EQ(received[i].bytes, kBytes);
      EXPECT_FALSE(received[i].truncated);
      const std::byte* at = received[i].view != nullptr ? received[i].view : in[i].data();
      EXPECT_TRUE(Bytes(at, at + kBytes) == pattern(self.previous(), i, kBytes));
      if (received[i].view == nullptr) continue;
      EXPECT_TRUE(received[i].may_view);
      const Status status = self.transport().give_back(&received[i]);
      EXPECT_TRUE(status.ok()) << status.message();
    }
    for (const Request& request : sent) self.wait(request);
  }
}

// Messages that the system may copy from where they lie: of lengths around those from which it does, more than can be
// lent at once, before and after their receive, into a buffer that is too short for the last.
void messages_to_copy(Self& self) {
  constexpr size_t kBytes[] = {1, 4096, 16383, 16384, 100001}, kMessages = 150, kShort = 20000;
  const auto bytes_of = [&](size_t i) { return i + 1 == kMessages ? size_t{100001} : kBytes[i % std::size(kBytes)]; };
  std::vector<Bytes> out, in;
  std::vector<Request> sent(kMessages), received(kMessages);
  for (uint32_t i = 0; i < kMessages; ++i) {
    out.push_back(pattern(self.rank(), i, bytes_of(i)));
    in.emplace_back(i + 1 == kMessages ? kShort : bytes_of(i));
    sent[i].to_copy = true;
  }
  const auto receive = [&](size_t i) {
    received[i].may_view = i % 2 == 0;  // it is copied all the same where this process has not mapped it
    self.receive(self.previous(), static_cast<uint32_t>(i), in[i], &received[i]);
  };
  for (size_t i = 0; i < kMessages / 2; ++i) receive(i);
  for (uint32_t i = 0; i < kMessages; ++i) self.send(self.next(), i, out[i], &sent[i]);
  self.wait(received[0]);
  for (size_t i = kMessages / 2; i < kMessages; ++i) receive(i);
  for (size_t i = 0; i < kMessages; ++i) {
    self.wait(received[i]);
    EXPECT_EQ(received[i].bytes, in[i].size());
    EXPECT_EQ(received[i].truncated, i + 1 == kMessages);
    EXPECT_EQ(received[i].view, nullptr);
    if (received[i].truncated) continue;  // a failure, of which nothing has to be there
    const Bytes whole = pattern(self.previous(), static_cast<uint32_t>(i), bytes_of(i));
    EXPECT_TRUE(std::equal(in[i].begin(), in[i].end(), whole.begin())) << "message " << i;
  }
  for (const Request& request : sent) self.wait(request);
}

// Where ranks share memory, each finds everybody's notices: zeroes at first, then what their rank has written, of which
// the last word says that the others are there.
void notices_are_read_by_all(Self& self) {
  Transport& transport = self.transport();
  const bool shares_memory = transport.name() == "shm" || transport.name() == "inproc";
  for (const int stranger : {-1, self.nranks()}) EXPECT_TRUE(transport.notices(stranger).empty());
  for (int rank = 0; rank < self.nranks(); ++rank) {
    const auto notices = transport.notices(rank);
    ASSERT_EQ(notices.size(), shares_memory ? kNoticeBytes : 0) << "of rank " << rank;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(notices.data()) % 64, 0u);
    EXPECT_EQ(notices.data(), transport.notices(rank).data()) << "the same on every call";
    if (!shares_memory) continue;
    for (size_t at = 0; at < kNoticeWords; ++at) ASSERT_EQ(word(notices, at).load(), 0u) << "word " << at;
  }
  self.barrier();
  if (!shares_memory) return;
  const auto own = transport.notices(self.rank());
  for (size_t at = 0; at < kNoticeWords; ++at) word(own, at).store(note(self.rank(), at));
  for (int rank = 0; rank < self.nranks(); ++rank) {
    const auto notices = transport.notices(rank);
    const auto deadline = Clock::now() + std::chrono::seconds(60);
    while (word(notices, kNoticeWords - 1).load() == 0 && Clock::now() < deadline) std::this_thread::yield();
    for (size_t at = 0; at < kNoticeWords; ++at) {
      ASSERT_EQ(word(notices, at).load(), note(rank, at)) << "word " << at << " of rank " << rank;
    }
  }
  self.barrier();
}

}  // namespace coll::test
