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

TEST(Ring, NothingIsVisibleBeforeItIsPublished) {
  const auto pair = std::make_unique<Pair>();
  pair->writer.write(bytes(16));
  EXPECT_EQ(pair->reader.available_bytes(), 0u);
  pair->writer.publish();
  EXPECT_EQ(pair->reader.available_bytes(), 16u);
}

TEST(Ring, PaddingAlwaysHasRoom) {
  const auto pair = std::make_unique<Pair>();
  pair->writer.write(bytes(kCapacity));  // a part of a message
  pair->writer.publish();
  EXPECT_EQ(pair->reader.peek(24).size(), 24u);
  pair->reader.skip(24);
  pair->reader.release();
  // The message ends as soon as the ring is full again; its padding must not overtake the reader.
  const size_t room = pair->writer.free_bytes(kCapacity);
  EXPECT_EQ(room, 16u);
  pair->writer.write(bytes(room - 3));
  pair->writer.pad();
  pair->writer.publish();
  EXPECT_EQ(pair->writer.free_bytes(kCapacity), 0u);
}

TEST(Ring, PayloadsWrap) {
  const auto pair = std::make_unique<Pair>();
  std::vector<std::byte> out(48);
  for (int round = 0; round < 5; ++round) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(round * 48 + static_cast<int>(i));
    pair->writer.write(out);
    pair->writer.publish();
    std::vector<std::byte> in;
    while (in.size() < out.size()) {
      const auto piece = pair->reader.peek(out.size() - in.size());
      in.insert(in.end(), piece.begin(), piece.end());
      pair->reader.skip(piece.size());
    }
    pair->reader.release();
    EXPECT_EQ(in, out) << "round " << round;
    EXPECT_EQ(pair->writer.free_bytes(kCapacity), kCapacity);
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
