// What goes over the bootstrap's TCP connections, and what a unique id holds. Native byte order: a machine of the other
// order fails the magic number. The secret keeps strangers and other jobs out; it crosses the network in clear, so the
// network between the ranks has to be trusted, as MPI's own must be.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "coll/coll.h"
#include "runtime/socket.hpp"

namespace coll::tcp {

inline constexpr uint32_t kMagic = 0x4c4c4f43;  // "COLL"
inline constexpr uint32_t kVersion = 1;
inline constexpr int kMaxRanks = 1 << 20;
inline constexpr uint64_t kMaxExchangeBytes = uint64_t{1} << 30;  // of all ranks together
// A server's verdict may come this much after a client's own deadline: it is the one that can name the missing ranks.
inline constexpr std::chrono::milliseconds kGrace{1000};

using Secret = std::array<uint8_t, 32>;

struct UniqueId {
  uint32_t magic;
  uint32_t version;
  Address address;
  Secret secret;
  uint8_t zero[68];
};
static_assert(sizeof(UniqueId) == COLL_UNIQUE_ID_BYTES && std::is_trivially_copyable_v<UniqueId>);

// Client to server, first: who I am, and how long I am going to wait.
struct Hello {
  uint32_t magic;
  uint32_t version;
  Secret secret;
  int32_t nranks;
  int32_t rank;
  uint32_t timeout_ms;
  uint32_t reserved;
};
static_assert(sizeof(Hello) == 56 && std::is_trivially_copyable_v<Hello>);

// Client to server, for each allgather; `bytes` of payload follow.
struct Exchange {
  uint64_t bytes;
  uint32_t timeout_ms;
  uint32_t reserved;
};
static_assert(sizeof(Exchange) == 16 && std::is_trivially_copyable_v<Exchange>);

// Server to client: answers Hello when all ranks have come, and Exchange when all have given theirs. `bytes` follow:
// the payloads in rank order, or, where `code` is a failure, what happened in words.
struct Answer {
  uint32_t code;
  uint32_t reserved;
  uint64_t bytes;
};
static_assert(sizeof(Answer) == 16 && std::is_trivially_copyable_v<Answer>);

}  // namespace coll::tcp
