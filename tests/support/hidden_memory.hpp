// Memory of devices that are none: the host faults where it touches it, and only who asks for the way in gets there.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "device/operations.hpp"

namespace coll::test {

// Pages of an anonymous file, mapped once or twice.
class MappedPages {
 public:
  // `hidden`: the address to give out is not to be touched; `inside` is where the bytes are.
  static Status make(size_t bytes, bool hidden, std::shared_ptr<MappedPages>* pages);
  // Another process's, by the name that its file has there.
  static Status open(const std::string& path, size_t bytes, std::shared_ptr<MappedPages>* pages);
  ~MappedPages();
  MappedPages(const MappedPages&) = delete;
  MappedPages& operator=(const MappedPages&) = delete;

  std::byte* outside() const { return outside_; }
  int file() const { return file_; }
  std::byte* inside() const { return inside_; }
  size_t bytes() const { return bytes_; }

 private:
  MappedPages(size_t bytes, bool hidden) : bytes_(bytes), hidden_(hidden) {}
  Status map(int file);
  size_t bytes_;
  bool hidden_;
  int file_ = -1;  // kept open where the pages are shared between processes
  std::byte* outside_ = nullptr;
  std::byte* inside_ = nullptr;
};

// Addresses with nothing behind them.
class ReservedAddresses {
 public:
  static Status make(size_t bytes, std::shared_ptr<ReservedAddresses>* addresses);
  ~ReservedAddresses();
  ReservedAddresses(const ReservedAddresses&) = delete;
  ReservedAddresses& operator=(const ReservedAddresses&) = delete;

  std::byte* begin() const { return begin_; }

 private:
  ReservedAddresses(std::byte* begin, size_t bytes) : begin_(begin), bytes_(bytes) {}
  std::byte* begin_;
  size_t bytes_;
};

// All functions may be called by any thread.
class HiddenMemory {
 public:
  static constexpr int kAnyDevice = -1;

  // A way to bytes; what it points to stays mapped as long as it is held, released or not.
  struct Reached {
    std::byte* at = nullptr;
    std::shared_ptr<const MappedPages> pages{};
  };

  // kDevice or kPinned; only the former is hidden. Addresses of device memory are never given out twice.
  Status allocate(size_t bytes, const MemoryOwner& owner, void** memory);
  Status release(const void* memory, MemoryKind kind);
  // [begin, begin + bytes) is ordinary memory that counts as the owner's from now on.
  void own(const void* begin, size_t bytes, const MemoryOwner& owner);
  void disown(const void* begin);

  // An allocation of device memory as other ranks name it: its address may come again, its number does not.
  struct Share {
    const void* memory = nullptr;
    uint64_t number = 0;
    size_t bytes = 0;
    int process = 0;
    int file = -1;  // -1: only its own process opens it
  };
  Status share(const void* memory, int device, Share* share) const;
  // Further addresses of what is shared, which count as memory of `device` until they are dropped there.
  Status make_alias(const Share& share, int device, void** alias);
  Status drop_alias(const void* alias, int device);
  size_t aliases() const;
  size_t aliases_reached() const { return aliases_reached_; }

  MemoryOwner owner_of(const void* address) const;
  // As work on `device` gets there: no pageable memory, no other device's, no bytes beyond an allocation.
  Status reach(const void* address, size_t bytes, int device, Reached* reached) const;
  size_t live() const;  // allocations that have not been released; no aliases

 private:
  mutable std::atomic<size_t> aliases_reached_{0};
  struct Range {
    size_t bytes = 0;
    MemoryOwner owner;
    std::shared_ptr<MappedPages> pages;  // NULL where the memory is a test's
    uint64_t number = 0;                 // from 1, of allocations
    // Of an alias: its addresses, and where what it reaches begins.
    std::shared_ptr<ReservedAddresses> alias{};
    const std::byte* reaches = nullptr;
  };
  using Ranges = std::map<const std::byte*, Range>;
  Ranges::const_iterator find(const std::byte* at) const;
  Status find_shared(const Share& share, Range* range) const;
  bool is_released(const Range& alias) const;
  void keep_addresses(std::shared_ptr<const void> of);

  mutable std::mutex mutex_;
  Ranges ranges_;
  uint64_t numbers_ = 0;
  std::deque<std::shared_ptr<const void>> released_;  // their addresses stay taken, so that stale ones are found out
};

}  // namespace coll::test
