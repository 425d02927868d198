// The board: what the ranks of a node post for all of them to read, through flags in shared memory. Posting and reading
// take no system call, no lock and no allocation.
//
// Every rank posts the same number of times. A post lies in a slot: a cache line with its flag, behind which the
// shortest payloads lie, and room for longer ones. The flag is the post's number, and how far behind it the rank is
// with reading: whoever has seen it knows which of the own slots may be written again.
//
// Calls of one short post take turns on a few slots, which stay in the nearest caches. All others take turns on many,
// which have left the peers' caches when they come around, and are written several times as fast.
//
// Nobody waits forever: a rank that has read all before p-kMostLag may post p, when the others have read what lies in
// its slot. The rank whose next post has the smallest number finds everybody's posts before it, and what they say of
// their reading is at most kMostLag old; after a call's last post kShortLag, which is less than the short calls' slots.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "transport/store_choice.hpp"

namespace coll {

class Board {
 public:
  static constexpr size_t kShortSlots = 8;
  static constexpr size_t kShortBytes = 4096;
  static constexpr uint64_t kShortLag = 4;
  static constexpr size_t kLeastSlots = 32;
  static constexpr uint64_t kMostLag = 28;
  static_assert(kShortLag < kShortSlots - 1 && kMostLag < kLeastSlots - 1, "see above");
  // A writer that is held up looks for so many slots more: looking at a reader's flags again and again would hold that
  // one up, too, whose next post would have to take them back. What it learns on the way counts at the next look.
  static constexpr uint64_t kMoreSlots = 3;
  static_assert(kMoreSlots + kShortLag < kShortSlots && kMoreSlots + kMostLag < kLeastSlots, "or it waits forever");
  static constexpr size_t kLineBytes = 64;
  static constexpr size_t kFlagBytes = sizeof(uint64_t);
  static_assert(std::atomic<uint64_t>::is_always_lock_free, "atomics must work between processes");

  // How many slots a rank has for all but the short calls, a power of two, and for how many bytes each, a multiple of
  // cache lines.
  struct Shape {
    size_t slots;
    size_t payload_bytes;
    // A short slot's payload follows its line, so that both come together.
    size_t short_slot_bytes() const { return kLineBytes + std::min(payload_bytes, kShortBytes); }
    size_t rank_bytes() const { return kShortSlots * short_slot_bytes() + slots * (kLineBytes + payload_bytes); }
    size_t bytes(size_t nlocal) const { return nlocal * rank_bytes(); }
  };

  // All ranks know these of a post.
  struct Post {
    uint64_t number;
    size_t bytes;           // of the payload
    bool is_last = true;    // of its call
    bool is_short = false;  // its call's only one, with a short payload
  };

  // `memory`: shape.bytes() of shared memory, all zero when the first rank comes; `index_of` gives a rank's place on
  // the node.
  Board(std::byte* memory, Shape shape, std::vector<int> index_of, size_t own)
      : memory_(memory),
        shape_(shape),
        rank_bytes_(shape.rank_bytes()),
        short_slot_bytes_(shape.short_slot_bytes()),
        index_of_(std::move(index_of)),
        own_(own) {
    const auto nlocal = static_cast<size_t>(*std::max_element(index_of_.begin(), index_of_.end())) + 1;
    has_read_.assign(nlocal, 0);
  }

  size_t capacity() const { return shape_.payload_bytes; }

  // The first of `count` posts. They are numbered from 1 in the order of the calls, which is the same on all ranks.
  uint64_t reserve(uint64_t count) { return std::exchange(reserved_, reserved_ + count) + 1; }
  // Whether this rank may begin to post from `first` on: all before it are posted and read.
  bool may_begin(uint64_t first) const { return finished_ + 1 == first && posted_ + 1 == first; }
  // Whether this rank may post, when all before it are posted: it has read enough, and may write.
  bool may_post(const Post& post) {
    return finished_ + (post.is_last ? kShortLag : kMostLag) >= post.number && may_write(post);
  }
  // Whether this rank may write the post's payload, when all before it are posted: nobody reads its slot any more.
  bool may_write(const Post& post) {
    const uint64_t slots = post.is_short ? kShortSlots : shape_.slots;
    const uint64_t needed = post.number - std::min(slots, post.number);
    while (slowest_ < has_read_.size() &&
           (slowest_ == own_ || has_read_[slowest_] >= needed || through(slowest_, needed, post))) {
      ++slowest_;
    }
    held_up_ = slowest_ < has_read_.size();
    if (held_up_) return false;
    slowest_ = 0;
    return true;
  }
  // After may_write() or may_post(): the rank that has not read enough; -1: none.
  int awaited_to_post() const {
    if (!held_up_) return -1;
    return static_cast<int>(std::find(index_of_.begin(), index_of_.end(), static_cast<int>(slowest_)) -
                            index_of_.begin());
  }
  // Where the payload of the own post goes.
  std::byte* payload(const Post& post) { return place(own_, post); }
  void post(const Post& post) {
    // Who has nothing to post may have read on while it waited to say so.
    const uint64_t lag = post.number - std::min(finished_, post.number);
    flag(own_, post).store(post.number << kLagBits | lag, std::memory_order_release);
    posted_ = post.number;
  }
  // The payload of `rank`'s post, or NULL while it is not there; valid until finish().
  const std::byte* look(int rank, const Post& post) {
    const auto local = static_cast<size_t>(index_of_[static_cast<size_t>(rank)]);
    return note(local, flag(local, post)) == post.number ? place(local, post) : nullptr;
  }
  // How this rank writes its posts.
  StoreChoice& stores() { return stores_; }
  // This rank has read what it wants of everybody's posts up to `number`.
  void finish(uint64_t number) { finished_ = number; }

 private:
  static constexpr unsigned kLagBits = 8;
  static constexpr unsigned kLooksPerScan = 4;

  std::byte* short_slot(size_t local, size_t index) const {
    return memory_ + local * rank_bytes_ + index * short_slot_bytes_;
  }
  std::byte* long_line(size_t local, size_t index) const { return short_slot(local, kShortSlots) + index * kLineBytes; }
  std::byte* line(size_t local, const Post& post) const {
    return post.is_short ? short_slot(local, post.number % kShortSlots)
                         : long_line(local, post.number & (shape_.slots - 1));
  }
  std::byte* place(size_t local, const Post& post) const {
    if (post.bytes <= kLineBytes - kFlagBytes) return line(local, post) + kFlagBytes;
    if (post.is_short) return line(local, post) + kLineBytes;
    return long_line(local, shape_.slots) + (post.number & (shape_.slots - 1)) * shape_.payload_bytes;
  }
  static std::atomic<uint64_t>& flag_in(std::byte* line) { return *reinterpret_cast<std::atomic<uint64_t>*>(line); }
  std::atomic<uint64_t>& flag(size_t local, const Post& post) const { return flag_in(line(local, post)); }
  // Looks at a flag of the rank's, and hears how far it has read. Returns the number of the post.
  uint64_t note(size_t local, const std::atomic<uint64_t>& flag) {
    const uint64_t value = flag.load(std::memory_order_acquire);
    const uint64_t number = value >> kLagBits;
    has_read_[local] = std::max(has_read_[local], number - (value & ((1U << kLagBits) - 1)));
    return number;
  }
  // Whether the rank has read some posts more than those up to `needed`. Most likely its posts before `post` were of
  // the same kind, and the first of them that can say so does; now and then all are asked.
  bool through(size_t local, uint64_t needed, const Post& post) {
    const uint64_t wanted = needed + kMoreSlots;
    Post said = post;
    for (said.number = wanted; said.number < post.number; ++said.number) {
      if (note(local, flag(local, said)) < said.number) break;
      if (has_read_[local] >= wanted) return true;
    }
    if (++looks_ % kLooksPerScan != 0) return false;
    for (size_t i = 0; i < kShortSlots; ++i) note(local, flag_in(short_slot(local, i)));
    for (size_t i = 0; i < shape_.slots; ++i) note(local, flag_in(long_line(local, i)));
    return has_read_[local] >= wanted;
  }

  std::byte* memory_;
  Shape shape_;
  size_t rank_bytes_;
  size_t short_slot_bytes_;
  std::vector<int> index_of_;  // by rank
  size_t own_;
  std::vector<uint64_t> has_read_;  // by local rank: up to which post, as far as this rank knows
  size_t slowest_ = 0;              // local ranks below it are known to be far enough
  unsigned looks_ = 0;              // that were not enough
  bool held_up_ = false;            // by the rank slowest_, when this rank last wanted to write
  uint64_t reserved_ = 0;
  uint64_t posted_ = 0;
  uint64_t finished_ = 0;
  StoreChoice stores_;
};

}  // namespace coll
