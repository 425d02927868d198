// The bytes of a node's shared segment. All ranks of one node map the same file; they are one build of one program's
// libcoll, so native byte order and alignment are used.
//
//   offset 0                   SegmentHeader            one page
//   + kPage                    Bell[nlocal]             one cache line per rank: what it and its peers say of it
//   + notices_offset(local)    kNoticeBytes             a rank's notes, which it alone writes
//   + board_offset()           slots                    the board: see transport/board.hpp
//   + pair_offset(from, to)    PairHeader, ring bytes   one for each ordered pair of different ranks
//   + arena_offset(local)      arena_bytes()            a rank's own memory that its peers read; has no pages
//                                                       before the rank first wants it
//
// A ring holds messages back to back: MessageHeader, payload, padding to kMessageAlign. Positions count bytes since the
// beginning and are taken modulo the ring's size, a power of two; headers therefore never wrap, payloads may. Where the
// next message will begin, `mark` is 0, and the writer sets it last: so that a short message is found in the cache line
// that it lies in. Of a message that comes in pieces, PairHeader::written says how far it has come.
//
// A message that lies in memory which the receiver has mapped, or can have the kernel copy from, is lent: its payload
// is a Loan, which says where. The receiver reads it there and flips the loan's bit in PairHeader::returned.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "transport/board.hpp"
#include "transport/transport.hpp"

namespace coll::shm {

inline constexpr size_t kPage = 4096;
inline constexpr size_t kCacheLine = 64;
static_assert(kNoticeBytes % kPage == 0, "what follows the notices begins with a page");
inline constexpr size_t kMessageAlign = 16;
inline constexpr size_t kTokenBytes = 16;
inline constexpr size_t kControlSlots = 16;
inline constexpr uint32_t kLayoutVersion = 7;

// A slot of the board that comes around after long has left the peers' caches, and is written several times as fast.
// Where there are many ranks, or little shared memory, a rank has fewer: joining takes time for each of its pages.
inline constexpr size_t kMostSlots = 128;
inline constexpr size_t kSlotsOfNode = 256;
inline constexpr size_t kPostBytes = size_t{16} << 10;
inline constexpr size_t kMinRingBytes = 4096;
inline constexpr size_t kMaxRingBytes = size_t{1} << 20;
inline constexpr size_t kRankBytes = size_t{2} << 20;  // what the rings towards one rank's peers may add up to

inline constexpr size_t kArenasBytes = size_t{64} << 20;  // of a node
inline constexpr size_t kMinArenaBytes = size_t{256} << 10;
inline constexpr size_t kMaxArenaBytes = size_t{4} << 20;

struct SegmentHeader {
  uint32_t version;
  uint32_t nlocal;
  uint64_t ring_bytes;
  std::byte token[kTokenBytes];  // random; shows that two ranks opened the same file
};
static_assert(sizeof(SegmentHeader) == 32 && sizeof(SegmentHeader) <= kPage);

struct Bell {
  alignas(kCacheLine) std::atomic<uint64_t> rung;  // control messages left for the rank
  std::atomic<uint64_t> withdrawn;                 // not 0: it has failed, and its regions may have changed
};
static_assert(sizeof(Bell) == kCacheLine);

enum Reach : uint64_t { kOpensRegions = 1, kReadsMemory = 2 };

// Positions on separate cache lines: each has one writer.
struct PairHeader {
  alignas(kCacheLine) std::atomic<uint64_t> written;
  alignas(kCacheLine) std::atomic<uint64_t> read;
  alignas(kCacheLine) std::atomic<uint64_t> controls_written;
  alignas(kCacheLine) std::atomic<uint64_t> controls_read;
  alignas(kCacheLine) std::atomic<uint64_t> returned;  // a bit for each loan; written by the reader
  std::atomic<uint64_t> reach;                         // what of the writer the reader can reach: Reach
  alignas(kCacheLine) Control controls[kControlSlots];
};
static_assert(sizeof(PairHeader) == 5 * kCacheLine + kControlSlots * sizeof(Control));
static_assert(std::atomic<uint64_t>::is_always_lock_free, "atomics must work between processes");

struct MessageHeader {
  std::atomic<uint64_t> mark;  // the tag and what of Mark holds; 0: there is no message
  uint64_t bytes;              // of the message
};
static_assert(sizeof(MessageHeader) == kMessageAlign && kMinRingBytes % kMessageAlign == 0);

enum Mark : uint64_t {
  kIsMessage = uint64_t{1} << 32,
  kIsWhole = uint64_t{1} << 33,  // all of it is there
  kIsLent = uint64_t{1} << 34,   // a Loan takes the place of the bytes
};
static_assert(kTagBits <= 32);

enum class LentFrom : uint64_t { kSegment, kRegion, kProcess };

struct Loan {
  uint64_t number = 0;  // below kMostLoans: its bit
  LentFrom from = LentFrom::kSegment;
  uint64_t offset = 0;  // from the segment's or the region's beginning; of kProcess the address
  uint64_t region = 0;  // like what follows, of kRegion; see RegionPart
  uint64_t releases = 0;
  uint64_t region_bytes = 0;
  int64_t fd = -1;
  uint64_t reserved = 0;
};
static_assert(sizeof(Loan) % kMessageAlign == 0);
inline constexpr unsigned kMostLoans = 64;

struct Layout {
  size_t nlocal;
  size_t ring_bytes;

  Board::Shape board_shape() const {
    const size_t payload = std::min(kPostBytes, ring_bytes);
    const size_t as_rings = 2 * ring_bytes * (nlocal - 1) / payload;  // twice as much memory as they take
    const size_t most = std::min(kMostSlots, kSlotsOfNode / nlocal);
    return {std::clamp(std::bit_floor(std::min(as_rings, most)), Board::kLeastSlots, kMostSlots), payload};
  }
  size_t notices_offset(size_t local) const {
    return (kPage + nlocal * sizeof(Bell) + kPage - 1) / kPage * kPage + local * kNoticeBytes;
  }
  size_t board_offset() const { return notices_offset(nlocal); }
  size_t pairs_offset() const { return board_offset() + (board_shape().bytes(nlocal) + kPage - 1) / kPage * kPage; }
  size_t pair_bytes() const { return sizeof(PairHeader) + ring_bytes; }
  size_t pair_offset(size_t from, size_t to) const {
    return pairs_offset() + (from * (nlocal - 1) + (to < from ? to : to - 1)) * pair_bytes();
  }
  // What has its pages from the beginning.
  size_t fixed_bytes() const { return pairs_offset() + nlocal * (nlocal - 1) * pair_bytes(); }
  // 4 MiB for up to 16 ranks on the node; 256 KiB at the least.
  size_t arena_bytes() const {
    return std::clamp(kArenasBytes / nlocal / kPage * kPage, kMinArenaBytes, kMaxArenaBytes);
  }
  size_t arena_offset(size_t local) const {
    return (fixed_bytes() + kPage - 1) / kPage * kPage + local * arena_bytes();
  }
  size_t total_bytes() const { return arena_offset(nlocal); }
};

// The ring size of a pair: as large as kRankBytes allows, so 1 MiB for up to 3 ranks on the node, 256 KiB for 8, 16 KiB
// for 128; 4 KiB at the least, which exceeds kRankBytes above 513 ranks. Its pages are made when the communicator is,
// so more would cost time as well: a node of 8 has 14 MiB, 5 ms.
constexpr size_t default_ring_bytes(size_t nlocal) {
  size_t ring = kMaxRingBytes;
  while (ring > kMinRingBytes && ring * (nlocal - 1) > kRankBytes) ring /= 2;
  return ring;
}
static_assert(default_ring_bytes(2) == kMaxRingBytes && default_ring_bytes(8) == size_t{256} << 10);

}  // namespace coll::shm
