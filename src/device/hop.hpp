// What a device is asked to do in one kernel: a hop of a collective, as runtime/hop.hpp has it for the host.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "base/random.hpp"
#include "base/status.hpp"
#include "base/types.hpp"

namespace coll {

// All memory is the device's (or such that it reaches). Contributions are combined in this order: the user's own
// elements, then the messages; at least one. The result is elements or a message: exactly one of the two is not NULL.
// Elements may go to a second place as well, so that what is kept and handed on is read and combined once. Bytes and
// elements are those that run_hop() makes of the same contributions.
//
// Each address may be late (device/late.hpp): it is that which a word of pinned memory holds while the kernel runs, and
// which each block of the kernel reads once. What a word holds is aligned to kLateGrain, so that kernels may move
// whole words. Bytes and elements are the same as with the address itself. NULL in the word of `native` or `also` says
// that nobody wants them there: a kernel that has no other place for its elements does nothing.
struct DeviceHop {
  std::string_view codec;  // registered name; "none": messages are the elements themselves, in the user's type
  size_t block = 1;        // the codec's elements per scale
  DataType type = collFloat32;
  RedOp op = collSum;
  size_t count = 0;
  int divisor = 0;                          // collAvg's last step; 0: it is not taken
  const void* own = nullptr;                // may be `native`
  std::span<const void* const> messages{};  // validated
  void* native = nullptr;
  void* also = nullptr;  // the same elements; only beside `native`, whose word is never NULL then
  void* coded = nullptr;
  bool random = false;  // the message is rounded stochastically, ...
  random::Run draws{};  // ... and these are the bits of its elements
  int most_blocks = 0;  // of the kernel (COLL_MAX_CTAS); 0: as many as it has work for
  // With "none": the messages' type where it is not `type`. One of the two is then the accumulator of the other.
  std::optional<DataType> message_type{};
};

}  // namespace coll
