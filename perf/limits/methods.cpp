#include "methods.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "reduce/reduce.hpp"

namespace coll::perf {
namespace {

constexpr size_t kPieceBytes = size_t{256} << 10;  // of a pull: stays in the L2 cache until it is added

constexpr float element(int rank, size_t index) { return static_cast<float>(index % 1021) + static_cast<float>(rank); }

struct Share {
  size_t begin, count;  // elements
};

Share half(int rank, size_t count) {
  const size_t middle = count / 2;
  return rank == 0 ? Share{0, middle} : Share{middle, count - middle};
}

// Sums into every output; the inputs are two.
void add(const std::byte* a, const std::byte* b, std::array<std::byte*, 2> outputs, size_t outputs_count, size_t count,
         bool stream) {
  reduce::Reduction sum{};
  sum.type = collFloat32;
  sum.op = collSum;
  sum.stream = stream;
  const std::array<const std::byte*, 2> inputs = {a, b};
  reduce::reduce_many(sum, inputs, std::span(outputs).first(outputs_count), count);
  if (stream) reduce::flush_streams();
}

bool share_all(const Team& team, const Arena& arena, size_t count, bool stream) {
  const Share mine = half(team.rank(), count);
  const size_t at = mine.begin * sizeof(float);
  add(arena.shared_input(0) + at, arena.shared_input(1) + at,
      {arena.shared_output(0) + at, arena.shared_output(1) + at}, 2, mine.count, stream);
  team.barrier();
  return true;
}

bool share_streamed(const Team& team, const Arena& arena, size_t count) { return share_all(team, arena, count, true); }
bool share_plain(const Team& team, const Arena& arena, size_t count) { return share_all(team, arena, count, false); }

bool pull(const Team& team, const std::byte* from, std::byte* to, size_t bytes) {
  while (bytes > 0) {
    const iovec local = {to, bytes};
    const iovec remote = {const_cast<std::byte*>(from), bytes};
    const ssize_t got = process_vm_readv(team.peer(), &local, 1, &remote, 1, 0);
    if (got <= 0) return false;
    from += got, to += got, bytes -= static_cast<size_t>(got);
  }
  return true;
}

// Phase 1: the peer's input is pulled piece by piece and added to the own one. Phase 2: the peer's half is pulled.
bool pull_twice(const Team& team, const Arena& arena, size_t count) {
  static thread_local std::vector<std::byte> piece(kPieceBytes);
  const Share mine = half(team.rank(), count), theirs = half(1 - team.rank(), count);
  constexpr size_t kPiece = kPieceBytes / sizeof(float);
  for (size_t done = 0; done < mine.count; done += kPiece) {
    const size_t now = std::min(kPiece, mine.count - done), at = (mine.begin + done) * sizeof(float);
    if (!pull(team, arena.input() + at, piece.data(), now * sizeof(float))) return false;
    add(arena.input() + at, piece.data(), {arena.output() + at, nullptr}, 1, now, false);
  }
  team.barrier();
  const size_t at = theirs.begin * sizeof(float);
  const bool pulled = pull(team, arena.output() + at, arena.output() + at, theirs.count * sizeof(float));
  team.barrier();  // the peer may not go on before its half was read
  return pulled;
}

bool copy_both(const Team& team, const Arena& arena, size_t count) {
  std::memcpy(arena.output(), arena.input(), count * sizeof(float));
  team.barrier();
  return true;
}

bool copy_one(const Team& team, const Arena& arena, size_t count) {
  if (team.rank() == 0) std::memcpy(arena.output(), arena.input(), count * sizeof(float));
  team.barrier();
  return true;
}

}  // namespace

const Method kAllMethods[kMethods] = {
    {"shared_stream", "both processes read and write all buffers, stores past the caches", true, true, share_streamed},
    {"shared_plain", "the same with ordinary stores", true, true, share_plain},
    {"cma", "two phases of process_vm_readv between private buffers", false, true, pull_twice},
    {"memcpy_both", "each process copies its own message", false, false, copy_both},
    {"memcpy_one", "one process copies, the other one waits", false, false, copy_one},
};

Arena::Arena(size_t max_bytes)
    : bytes(max_bytes),
      shared(Pages::Kind::kShared, 2 * Team::kSize * max_bytes),
      own(Pages::Kind::kPrivate, 2 * max_bytes) {}

void fill(const Team& team, const Arena& arena) {
  for (std::byte* input : {arena.shared_input(team.rank()), arena.input()}) {
    auto* values = reinterpret_cast<float*>(input);
    for (size_t i = 0; i < arena.bytes / sizeof(float); ++i) values[i] = element(team.rank(), i);
  }
  std::memset(arena.shared_output(team.rank()), 0xff, arena.bytes);
  std::memset(arena.output(), 0xff, arena.bytes);
  team.barrier();
  for (int rank = 0; rank < Team::kSize; ++rank) {  // page tables, too, are made before anything is timed
    for (size_t at = 0; at < arena.bytes; at += 4096) {
      static_cast<void>(*const_cast<volatile std::byte*>(arena.shared_input(rank) + at));
      static_cast<void>(*const_cast<volatile std::byte*>(arena.shared_output(rank) + at));
    }
  }
  team.barrier();
}

bool is_right(const Team& team, const Arena& arena, const Method& method, size_t count) {
  const auto* result =
      reinterpret_cast<const float*>(method.shared ? arena.shared_output(team.rank()) : arena.output());
  for (size_t i = 0; i < count; ++i) {
    const float expected = method.reduces ? element(0, i) + element(1, i) : element(team.rank(), i);
    if (result[i] != expected) return false;
  }
  return true;
}

}  // namespace coll::perf
