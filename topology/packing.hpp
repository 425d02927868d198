// Cards on the wire: they have room for the largest machine and are mostly zeros, which are left out, so that what a
// rank of a thousand gathers is not a thousand times that room.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/status.hpp"
#include "topology/exchange.hpp"

namespace coll::topo {

// Runs of zeros by their length, other bytes as they are.
std::vector<std::byte> pack_zeros(std::span<const std::byte> bytes);
// Fills `bytes`, with zeros where `packed` ends early. collCorruptData where it does not fit.
Status unpack_zeros(std::span<const std::byte> packed, std::span<std::byte> bytes);

// What all ranks of a communicator have packed, of different lengths.
class PackedCards {
 public:
  // Collective: two allgathers, of lengths and of bytes.
  Status gather(std::span<const std::byte> mine, int nranks, const Allgather& allgather);
  template <typename Card>
  Status read(int rank, Card* card) const {
    return unpack_zeros(of(rank), std::as_writable_bytes(std::span(card, 1)));
  }

 private:
  std::span<const std::byte> of(int rank) const {
    return std::span(bytes_).subspan(static_cast<size_t>(rank) * longest_, lengths_[static_cast<size_t>(rank)]);
  }

  std::vector<uint32_t> lengths_;  // by rank
  size_t longest_ = 0;
  std::vector<std::byte> bytes_;
};

}  // namespace coll::topo
