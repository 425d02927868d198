// What a rank tells the ranks of its node about its device: in its notices, which all may read at any time
// (Transport::notices()), and in the messages that say where a value lies.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "device/operations.hpp"
#include "transport/transport.hpp"

namespace coll {

// All of it is the rank's own to write, and zero at first.
struct DeviceNotices {
  static constexpr size_t kCalls = 64;
  static constexpr size_t kShares = 16;
  static constexpr size_t kMostRanks = 1024;

  // Memory that others may open; what is below `shared` does not change any more.
  struct Shared {
    DeviceShare share;
    uint64_t bytes;
  };

  // By the call's number modulo kCalls: a call whose steps run on the device, and the legs on which it takes loans.
  std::array<std::atomic<uint64_t>, kCalls> calls;
  std::array<std::atomic<uint8_t>, kMostRanks> opened;  // by rank: how many of that rank's this rank has open
  std::atomic<uint32_t> shared;
  std::atomic<uint32_t> withdrawn;  // 1: it has failed while others had loans, and may have written over them since
  std::array<Shared, kShares> shares;

  static uint64_t call(uint64_t sequence, uint8_t legs) { return (sequence + 1) << 8 | legs; }
  static bool takes(uint64_t notice, uint64_t sequence, unsigned leg) {
    return notice >> 8 == sequence + 1 && (notice >> leg & 1) != 0;
  }
};
static_assert(sizeof(DeviceNotices) <= kNoticeBytes);
static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<uint8_t>::is_always_lock_free);

// Takes the place of a message of at least kLeastLoan bytes: they lie in memory that the sender has shared, until the
// receiver says that it has read them.
struct DeviceLoan {
  uint64_t kind = kKind;
  uint64_t share = 0;  // its number among the sender's
  uint64_t offset = 0;
  uint64_t bytes = 0;

  static constexpr uint64_t kKind = 0x6e616f6c65636976;
};
inline constexpr size_t kLeastLoan = 4096;  // shorter ones cost less where the host moves them
static_assert(sizeof(DeviceLoan) < kLeastLoan, "a message's size tells whether it is a loan");

}  // namespace coll
