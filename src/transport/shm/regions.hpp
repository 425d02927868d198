// Regions: memory of this process that the other ranks of its node can map, as collMemAlloc() gives it. A region is a
// file without a name; peers open it through this process's entry in /proc, which the system allows the same user
// alone.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "base/status.hpp"
#include "transport/shm/segment.hpp"

namespace coll::shm {

// Where bytes of a region lie, in words that a peer understands.
struct RegionPart {
  uint64_t region = 0;    // its number in the owner's process, from 1
  uint64_t releases = 0;  // regions that the owner has released so far
  uint64_t region_bytes = 0;
  uint64_t offset = 0;
  int64_t fd = -1;  // in the owner's process
};

class Regions {
 public:
  Regions() = default;
  ~Regions();
  Regions(const Regions&) = delete;
  Regions& operator=(const Regions&) = delete;

  // Page-aligned zeroes.
  Status allocate(size_t bytes, void** memory);
  Status release(void* memory);
  bool empty() const { return count_.load() == 0; }
  // The region that holds all of `bytes`; nothing where none does.
  std::optional<RegionPart> find(std::span<const std::byte> bytes) const;

 private:
  struct Region {
    FileDescriptor file;
    size_t bytes;
    uint64_t number;
  };
  mutable std::mutex mutex_;
  std::map<const std::byte*, Region> regions_;  // by address
  std::atomic<size_t> count_{0};
  uint64_t numbers_ = 0;
  uint64_t releases_ = 0;
};

// A peer's regions as this process sees them.
class PeerRegions {
 public:
  explicit PeerRegions(pid_t process) : process_(process) {}

  // Maps the part's region where it is not mapped yet; it stays mapped at least until unpin(loan).
  Status pin(const RegionPart& part, unsigned loan, const std::byte** at);
  // True where the loan was of a region.
  bool unpin(unsigned loan);

 private:
  struct Mapping;
  static constexpr unsigned kMostPins = 64;

  pid_t process_;
  uint64_t releases_seen_ = 0;
  std::map<uint64_t, std::shared_ptr<const Mapping>> mappings_;
  std::array<std::shared_ptr<const Mapping>, kMostPins> pins_;
};

// What a rank shows of itself so that its peers can try whether they can open its regions and read its memory, and
// whether the process with this number is the one they mean: containers may number processes differently.
struct Proof {
  int64_t process = 0;  // 0: nothing is shown
  int64_t fd = -1;
  uint64_t address = 0;
  std::array<std::byte, 16> random{};
};
// `file` has to stay open, and `proof` at its place, until the peers have tried.
Status show(FileDescriptor* file, Proof* proof);
bool can_open(const Proof& proof);
bool can_read(const Proof& proof);

}  // namespace coll::shm
