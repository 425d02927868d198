// What may be tuned about the kernels, apart from them: the table is tuned.hpp, which perf/gpu/sweep writes.
#pragma once

#include <cstddef>

#include "device/tuned.hpp"

namespace coll::device {

// A grid has as many blocks of threads as there is work for, and at most `blocks_per_sm` on each processor of the
// device.
struct Tunables {
  int compute_capability;  // from this one on: 80, 90
  int threads;             // of a block
  int blocks_per_sm;
};

inline constexpr Tunables kTunables[] = {COLL_TUNED_GRIDS};

constexpr Tunables tunables_of(int compute_capability) {
  Tunables best = kTunables[0];
  for (const Tunables& row : kTunables) {
    if (row.compute_capability <= compute_capability) best = row;
  }
  return best;
}

// Bytes that a lane has on their way from memory before it uses the first; kernels unroll as far.
#if defined(COLL_CUDA_BYTES_IN_FLIGHT)
inline constexpr size_t kBytesInFlight = COLL_CUDA_BYTES_IN_FLIGHT;
#else
inline constexpr size_t kBytesInFlight = COLL_TUNED_BYTES_IN_FLIGHT;
#endif

inline constexpr int kMostUnrolled = 4;
inline constexpr int kMostValues = 32;  // accumulators of a lane, in units of 4 bytes

// Units that a lane has in flight.
template <class Kernel>
constexpr int unroll_of() {
  constexpr size_t kRead = Kernel::kBatch == 0
                               ? Kernel::kElements * Kernel::Element::kBytes
                               : Kernel::kBatch * Kernel::kWidth * Kernel::Format::kRows * Kernel::Format::kSlotBytes;
  constexpr size_t kHeld = Kernel::kElements * sizeof(typename Kernel::Acc) / 4;
  int unroll = 1;
  while (2 * unroll <= kMostUnrolled && 2 * unroll * kRead <= kBytesInFlight && 2 * unroll * kHeld <= kMostValues) {
    unroll *= 2;
  }
  return unroll;
}

}  // namespace coll::device
