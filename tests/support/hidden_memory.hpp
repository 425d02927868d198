// Memory of devices that are none: the host faults where it touches it, and only who asks for the way in gets there.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>

#include "device/operations.hpp"

namespace coll::test {

// Pages of an anonymous file, mapped once or twice.
class MappedPages {
 public:
  // `hidden`: the address to give out is not to be touched; `inside` is where the bytes are.
  static Status make(size_t bytes, bool hidden, std::shared_ptr<MappedPages>* pages);
  ~MappedPages();
  MappedPages(const MappedPages&) = delete;
  MappedPages& operator=(const MappedPages&) = delete;

  std::byte* outside() const { return outside_; }
  std::byte* inside() const { return inside_; }
  size_t bytes() const { return bytes_; }

 private:
  MappedPages(size_t bytes, bool hidden) : bytes_(bytes), hidden_(hidden) {}
  size_t bytes_;
  bool hidden_;
  std::byte* outside_ = nullptr;
  std::byte* inside_ = nullptr;
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

  MemoryOwner owner_of(const void* address) const;
  // As work on `device` gets there: no pageable memory, no other device's, no bytes beyond an allocation.
  Status reach(const void* address, size_t bytes, int device, Reached* reached) const;
  size_t live() const;  // allocations that have not been released

 private:
  struct Range {
    size_t bytes = 0;
    MemoryOwner owner;
    std::shared_ptr<MappedPages> pages;  // NULL where the memory is a test's
  };
  using Ranges = std::map<const std::byte*, Range>;
  Ranges::const_iterator find(const std::byte* at) const;

  mutable std::mutex mutex_;
  Ranges ranges_;
  std::deque<std::shared_ptr<MappedPages>> released_;  // their addresses stay taken, so that stale ones are found out
};

}  // namespace coll::test
