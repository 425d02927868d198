// Introduction: the first message of a transfer. The sender says what is to come, so that a receiver that wants
// something else fails rather than waits, and sends what is short along with that. Nothing goes back: the sender begins
// at once.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/call.hpp"
#include "runtime/fabric.hpp"

namespace coll {

// Transfers between two ranks have tags of their own, above those of collectives and settlings. They follow each other.
inline constexpr uint32_t kTransferTag = (1u << (kTagBits - 2)) + (1u << 12);
// Of the data's `chunk`, where so few are on their way that these tell them apart.
constexpr uint32_t transfer_data_tag(uint32_t chunk) { return kTransferTag + 1 + chunk; }

class Introduction {
 public:
  static constexpr size_t kMostCarriedBytes = 1024;  // what is longer is not copied first

  // `checksums`: data has to travel with its checksum, and so not here.
  Introduction(Fabric& fabric, const Call& call, int rank, bool checksums);

  // Never blocks. collInvalidUsage where the two ranks do not mean the same.
  Status advance(bool* moved);
  bool settled() const { return sends_ ? started_ : over(); }  // the data may go
  bool over() const { return started_ && request_.done && (sends_ || compared_); }
  bool carries() const { return carried_bytes_ > 0; }  // all of the data
  size_t carried_bytes() const { return carried_bytes_; }

 private:
  struct Message {
    std::array<uint64_t, 2> terms;  // count and type
    std::array<std::byte, kMostCarriedBytes> data;
  };

  Status start();
  Status compare();

  Fabric& fabric_;
  const bool sends_;
  const int rank_;
  const int peer_;
  const std::byte* const from_;  // the user's buffers
  std::byte* const to_;
  const std::array<uint64_t, 2> own_;
  const size_t carried_bytes_;
  Message message_;  // without contents that nobody asks for
  Request request_;
  bool started_ = false;
  bool compared_ = false;
};

}  // namespace coll
