#include "transport/shm/ring.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <vector>

namespace coll::shm {

namespace {

constexpr size_t kCapacity = 64;

// A pair's memory with its two ends, as two ranks see it.
struct Pair {
  alignas(kCacheLine) std::byte memory[sizeof(PairHeader) + kCapacity] = {};
  PairHeader* header = new (memory) PairHeader{};
  RingWriter writer{header, kCapacity};
  RingReader reader{header, kCapacity};
};

std::vector<std::byte> bytes(size_t count) { return std::vector<std::byte>(count, std::byte{7}); }

constexpr uint64_t kTag = 5;
constexpr size_t kHeaderBytes = sizeof(MessageHeader);
constexpr size_t kMost = kCapacity - kHeaderBytes;  // the next message's mark has room too

TEST(Ring, AMessageIsVisibleOnceItIsWhole) {
  const auto pair = std::make_unique<Pair>();
  size_t count = 0;
  pair->writer.begin(kTag, 9);
  pair->writer.write(bytes(9));
  EXPECT_EQ(pair->reader.begin(&count), 0u);
  pair->writer.end();
  EXPECT_EQ(pair->reader.begin(&count), kTag | kIsMessage | kIsWhole);
  EXPECT_EQ(count, 9u);
  EXPECT_EQ(pair->reader.available_bytes(), 9u);
  pair->reader.skip(9);
  pair->reader.end();
  EXPECT_EQ(pair->reader.begin(&count), 0u) << "there is one message";
}

TEST(Ring, OfAMessageThatGoesOnWhatIsPublishedIsVisible) {
  const auto pair = std::make_unique<Pair>();
  size_t count = 0;
  pair->writer.begin(kTag, 20);
  pair->writer.write(bytes(12));
  pair->writer.publish();
  EXPECT_EQ(pair->reader.begin(&count), kTag | kIsMessage);
  EXPECT_EQ(count, 20u);
  EXPECT_EQ(pair->reader.available_bytes(), 12u);
  pair->reader.skip(12);
  pair->writer.write(bytes(8));
  EXPECT_EQ(pair->reader.available_bytes(), 0u);
  pair->writer.end();
  EXPECT_EQ(pair->reader.peek(8).size(), 8u);
  pair->reader.skip(8);
  pair->reader.end();
  EXPECT_EQ(pair->reader.begin(&count), 0u);
}

// What lies in the ring from the round before never looks like a message.
TEST(Ring, OldBytesAreNoMessage) {
  const auto pair = std::make_unique<Pair>();
  size_t count = 0;
  for (size_t round = 0; round < 40; ++round) {
    const size_t size = round % (kMost - kHeaderBytes + 1);
    const bool in_pieces = round % 3 == 0 && size > 1;
    ASSERT_GE(pair->writer.free_bytes(kHeaderBytes + size), kHeaderBytes + size) << "round " << round;
    pair->writer.begin(kTag, size);
    if (in_pieces) pair->writer.write(bytes(1)), pair->writer.publish();
    pair->writer.write(bytes(in_pieces ? size - 1 : size));
    pair->writer.end();
    ASSERT_NE(pair->reader.begin(&count), 0u);
    ASSERT_EQ(count, size);
    for (size_t left = size; left > 0;) {
      const auto piece = pair->reader.peek(left);
      ASSERT_EQ(std::vector<std::byte>(piece.begin(), piece.end()), bytes(piece.size()));
      pair->reader.skip(piece.size());
      left -= piece.size();
    }
    pair->reader.end();
    pair->reader.release();
    ASSERT_EQ(pair->reader.begin(&count), 0u) << "round " << round;
  }
}

TEST(Ring, PaddingAlwaysHasRoom) {
  const auto pair = std::make_unique<Pair>();
  size_t count = 0;
  pair->writer.begin(kTag, kMost - kHeaderBytes + 13);
  pair->writer.write(bytes(kMost - kHeaderBytes));  // a part of the message
  pair->writer.publish();
  ASSERT_NE(pair->reader.begin(&count), 0u);
  EXPECT_EQ(pair->reader.peek(8).size(), 8u);
  pair->reader.skip(8);
  pair->reader.release();
  // The message ends as soon as the ring is full again; its padding must not overtake the reader.
  const size_t room = pair->writer.free_bytes(kCapacity);
  EXPECT_EQ(room, 16u);
  pair->writer.write(bytes(room - 3));
  pair->writer.end();
  EXPECT_EQ(pair->writer.free_bytes(kCapacity), 0u);
}

TEST(Ring, PayloadsWrap) {
  const auto pair = std::make_unique<Pair>();
  std::vector<std::byte> out(32);
  size_t count = 0;
  for (int round = 0; round < 5; ++round) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(round * 32 + static_cast<int>(i));
    pair->writer.begin(kTag, out.size());
    pair->writer.write(out);
    pair->writer.end();
    ASSERT_NE(pair->reader.begin(&count), 0u);
    std::vector<std::byte> in;
    while (in.size() < out.size()) {
      const auto piece = pair->reader.peek(out.size() - in.size());
      in.insert(in.end(), piece.begin(), piece.end());
      pair->reader.skip(piece.size());
    }
    pair->reader.end();
    pair->reader.release();
    EXPECT_EQ(in, out) << "round " << round;
    EXPECT_EQ(pair->writer.free_bytes(kCapacity), kMost);
  }
}

TEST(Ring, ControlSlotsFillAndEmptyInOrder) {
  const auto pair = std::make_unique<Pair>();
  Control control;
  for (control.sequence = 0; control.sequence < kControlSlots; ++control.sequence) {
    EXPECT_TRUE(pair->writer.write_control(control));
  }
  EXPECT_FALSE(pair->writer.write_control(control));
  for (uint64_t i = 0; i < kControlSlots; ++i) {
    ASSERT_TRUE(pair->reader.read_control(&control));
    EXPECT_EQ(control.sequence, i);
  }
  EXPECT_FALSE(pair->reader.read_control(&control));
  EXPECT_TRUE(pair->writer.write_control(control));
}

}  // namespace

}  // namespace coll::shm
