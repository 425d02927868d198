#include "topology/packing.hpp"

#include <algorithm>
#include <cstring>

namespace coll::topo {

namespace {

// Zeros, then as many bytes that are copied.
struct Run {
  uint16_t zeros;
  uint16_t bytes;
};
constexpr size_t kLongest = 0xffff;
constexpr size_t kWorthARun = sizeof(Run);  // fewer zeros are copied

size_t zeros_at(std::span<const std::byte> bytes) {
  const auto end = std::find_if(bytes.begin(), bytes.end(), [](std::byte b) { return b != std::byte{0}; });
  return std::min(static_cast<size_t>(end - bytes.begin()), kLongest);
}

// Up to the next zeros that are worth a run.
size_t bytes_to_copy(std::span<const std::byte> bytes) {
  size_t zeros = 0;
  size_t at = 0;
  while (at < std::min(bytes.size(), kLongest) && zeros < kWorthARun) {
    zeros = bytes[at] == std::byte{0} ? zeros + 1 : 0;
    ++at;
  }
  return at - zeros;
}

}  // namespace

std::vector<std::byte> pack_zeros(std::span<const std::byte> bytes) {
  std::vector<std::byte> packed;
  while (!bytes.empty() && bytes.back() == std::byte{0}) bytes = bytes.first(bytes.size() - 1);
  while (!bytes.empty()) {
    const size_t zeros = zeros_at(bytes);
    bytes = bytes.subspan(zeros);
    const size_t copied = bytes_to_copy(bytes);
    const Run run = {static_cast<uint16_t>(zeros), static_cast<uint16_t>(copied)};
    const auto header = std::as_bytes(std::span(&run, 1));
    packed.insert(packed.end(), header.begin(), header.end());
    packed.insert(packed.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(copied));
    bytes = bytes.subspan(copied);
  }
  return packed;
}

Status unpack_zeros(std::span<const std::byte> packed, std::span<std::byte> bytes) {
  std::fill(bytes.begin(), bytes.end(), std::byte{0});
  while (!packed.empty()) {
    Run run{};
    if (packed.size() >= sizeof run) std::memcpy(&run, packed.data(), sizeof run);
    const size_t taken = sizeof run + run.bytes;
    if (packed.size() < taken || bytes.size() < size_t{run.zeros} + run.bytes) {
      return {collCorruptData, "what a rank says of its node is damaged"};
    }
    if (run.bytes > 0) std::memcpy(&bytes[run.zeros], &packed[sizeof run], run.bytes);
    bytes = bytes.subspan(size_t{run.zeros} + run.bytes);
    packed = packed.subspan(taken);
  }
  return {};
}

Status PackedCards::gather(std::span<const std::byte> mine, int nranks, const Allgather& allgather) {
  const std::vector<std::byte> packed = pack_zeros(mine);
  const auto length = static_cast<uint32_t>(packed.size());
  const auto n = static_cast<size_t>(nranks);
  lengths_.resize(n);
  COLL_TRY(allgather(std::as_bytes(std::span(&length, 1)), std::as_writable_bytes(std::span(lengths_)).data()));
  longest_ = *std::max_element(lengths_.begin(), lengths_.end());
  std::vector<std::byte> padded(longest_);
  std::copy(packed.begin(), packed.end(), padded.begin());
  bytes_.resize(n * longest_);
  return allgather(padded, bytes_.data());
}

}  // namespace coll::topo
