// One direction of a pair: a byte ring with one writer and one reader, and a few slots for control messages.
// Each side keeps a private copy of its own position and of what it last saw of the other's, so that the shared lines
// are touched only to publish, or when the ring looks full or empty.
#pragma once

#include <algorithm>
#include <cstring>
#include <span>

#include "transport/shm/layout.hpp"

namespace coll::shm {

// Bytes are published and given back in pieces of this size, so that writer and reader work at the same time.
inline constexpr size_t kPieceBytes = 32 << 10;

constexpr size_t padded(size_t bytes) { return (bytes + kMessageAlign - 1) / kMessageAlign * kMessageAlign; }

class RingWriter {
 public:
  RingWriter() = default;
  RingWriter(PairHeader* pair, size_t capacity)
      : pair_(pair), ring_(reinterpret_cast<std::byte*>(pair + 1)), capacity_(capacity) {}

  // Free bytes, looking at the reader's position only where fewer than `wanted` are known to be free. Behind them is
  // room for the mark of the message that will follow.
  size_t free_bytes(size_t wanted) {
    const size_t most = capacity_ - sizeof(MessageHeader);
    if (most - (written_ - read_seen_) < wanted) read_seen_ = pair_->read.load(std::memory_order_acquire);
    return most - (written_ - read_seen_);
  }
  // Begins a message. The caller has made sure that there is room, here and below.
  void begin(uint64_t mark, size_t bytes) {
    header_ = reinterpret_cast<MessageHeader*>(place(written_));
    header_->bytes = bytes;
    mark_ = mark | kIsMessage;
    written_ += sizeof(MessageHeader);
  }
  void write(std::span<const std::byte> bytes) {
    const size_t at = written_ & (capacity_ - 1);
    const size_t first = std::min(bytes.size(), capacity_ - at);
    if (first > 0) std::memcpy(ring_ + at, bytes.data(), first);
    if (first < bytes.size()) std::memcpy(ring_, bytes.data() + first, bytes.size() - first);
    written_ += bytes.size();
  }
  // Shows the reader what has been written of a message that goes on.
  void publish() {
    if (published_ == written_) return;  // a full ring is polled: leave the reader's cache line alone
    published_ = written_;
    pair_->written.store(written_, std::memory_order_release);
    show(0);
  }
  // Ends the message, and shows all of it.
  void end() {
    written_ = padded(written_);
    reinterpret_cast<MessageHeader*>(place(written_))->mark.store(0, std::memory_order_relaxed);
    if (header_ == nullptr) return publish();
    show(kIsWhole);
    __builtin_prefetch(place(written_ + kCacheLine), 1);  // the reader's cache has it from the round before
  }

  // False where all slots are taken.
  bool write_control(const Control& control) {
    const uint64_t at = pair_->controls_written.load(std::memory_order_relaxed);
    if (at - pair_->controls_read.load(std::memory_order_acquire) == kControlSlots) return false;
    pair_->controls[at % kControlSlots] = control;
    pair_->controls_written.store(at + 1, std::memory_order_release);
    return true;
  }

 private:
  std::byte* place(uint64_t position) const { return ring_ + (position & (capacity_ - 1)); }
  void show(uint64_t how) {
    if (header_ != nullptr) header_->mark.store(mark_ | how, std::memory_order_release);
    header_ = nullptr;
  }

  PairHeader* pair_ = nullptr;
  std::byte* ring_ = nullptr;
  size_t capacity_ = 0;
  MessageHeader* header_ = nullptr;  // of the message that has begun; NULL once the reader can see it
  uint64_t mark_ = 0;
  uint64_t written_ = 0;
  uint64_t published_ = 0;
  uint64_t read_seen_ = 0;
};

class RingReader {
 public:
  RingReader() = default;
  RingReader(PairHeader* pair, size_t capacity)
      : pair_(pair), ring_(reinterpret_cast<const std::byte*>(pair + 1)), capacity_(capacity) {}

  // The next message's mark, and how many bytes it has; 0 where there is none.
  uint64_t begin(size_t* bytes) {
    const auto* header = reinterpret_cast<const MessageHeader*>(ring_ + (read_ & (capacity_ - 1)));
    const uint64_t mark = header->mark.load(std::memory_order_acquire);
    if (mark == 0) return 0;
    *bytes = header->bytes;
    read_ += sizeof(MessageHeader);
    seen_ = read_;
    if ((mark & kIsWhole) != 0) seen_ += (mark & kIsLent) != 0 ? sizeof(Loan) : *bytes;
    return mark;
  }
  // Bytes of the message that has begun, looking at the writer's position only where nothing is known to be there.
  size_t available_bytes() {
    if (seen_ == read_) seen_ = std::max<uint64_t>(seen_, pair_->written.load(std::memory_order_acquire));
    return seen_ - read_;
  }
  // The next bytes that lie in one piece, at most `wanted` of the available ones.
  std::span<const std::byte> peek(size_t wanted) {
    const size_t at = read_ & (capacity_ - 1);
    return {ring_ + at, std::min({wanted, available_bytes(), capacity_ - at})};
  }
  void skip(size_t bytes) { read_ += bytes; }
  // The next bytes, which are available, wherever they lie.
  void read(std::span<std::byte> to) {
    while (!to.empty()) {
      const auto piece = peek(to.size());
      std::memcpy(to.data(), piece.data(), piece.size());
      skip(piece.size());
      to = to.subspan(piece.size());
    }
  }
  void end() { read_ = padded(read_); }
  // Gives what was read back to the writer, in whole alignment units: so a message's padding always has room.
  void release() { pair_->read.store(read_ / kMessageAlign * kMessageAlign, std::memory_order_release); }

  bool read_control(Control* control) {
    const uint64_t at = pair_->controls_read.load(std::memory_order_relaxed);
    if (at == pair_->controls_written.load(std::memory_order_acquire)) return false;
    *control = pair_->controls[at % kControlSlots];
    pair_->controls_read.store(at + 1, std::memory_order_release);
    return true;
  }

 private:
  PairHeader* pair_ = nullptr;
  const std::byte* ring_ = nullptr;
  size_t capacity_ = 0;
  uint64_t read_ = 0;
  uint64_t seen_ = 0;  // of the message that has begun
};

}  // namespace coll::shm
