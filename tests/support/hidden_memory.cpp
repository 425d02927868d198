#include "support/hidden_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <utility>

namespace coll::test {
namespace {

constexpr int kUsed = 0xa5;  // what new memory of a device holds: it is not cleared
constexpr size_t kLeastShared = size_t{2}
                                << 20;  // between processes: as CUDA's blocks; files for all would be too many
constexpr size_t kMostReleased = 256;   // allocations and aliases whose addresses are not given out again yet

std::byte* map_file(int file, size_t bytes, int protection) {
  void* const at = ::mmap(nullptr, bytes, protection, MAP_SHARED, file, 0);
  return at != MAP_FAILED ? static_cast<std::byte*>(at) : nullptr;
}

std::string hexadecimal(const void* address) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string digits;
  for (auto rest = reinterpret_cast<uintptr_t>(address); rest != 0; rest /= 16) digits.insert(0, 1, kDigits[rest % 16]);
  return "0x" + digits;
}

Status illegal(const void* address, size_t bytes, const std::string& why) {
  return {collUnhandledCudaError, text("illegal access to ", bytes, " bytes at ", hexadecimal(address), ": ", why)};
}

}  // namespace

Status MappedPages::make(size_t bytes, bool hidden, std::shared_ptr<MappedPages>* pages) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  std::shared_ptr<MappedPages> made(new MappedPages((bytes + page - 1) / page * page, hidden));
  const int file = ::memfd_create("device", MFD_CLOEXEC);
  if (file < 0) return {collSystemError, "no anonymous file"};
  const bool sized = ::ftruncate(file, static_cast<off_t>(made->bytes_)) == 0;
  const Status mapped = sized ? made->map(file) : Status(collSystemError, "no memory");
  if (mapped.ok() && hidden && bytes >= kLeastShared) {
    made->file_ = file;
  } else {
    ::close(file);
  }
  *pages = std::move(made);
  return mapped;
}

Status MappedPages::open(const std::string& path, size_t bytes, std::shared_ptr<MappedPages>* pages) {
  std::shared_ptr<MappedPages> made(new MappedPages(bytes, false));
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return {collUnsupported, text("cannot open ", path, ": its process has ended")};
  const Status mapped = made->map(file);
  ::close(file);
  *pages = std::move(made);
  return mapped;
}

Status MappedPages::map(int file) {
  inside_ = map_file(file, bytes_, PROT_READ | PROT_WRITE);
  outside_ = hidden_ ? map_file(file, bytes_, PROT_NONE) : inside_;
  return inside_ != nullptr && outside_ != nullptr ? Status() : Status(collSystemError, "no memory");
}

MappedPages::~MappedPages() {
  if (file_ >= 0) ::close(file_);
  if (inside_ != nullptr) ::munmap(inside_, bytes_);
  if (hidden_ && outside_ != nullptr) ::munmap(outside_, bytes_);
}

Status ReservedAddresses::make(size_t bytes, std::shared_ptr<ReservedAddresses>* addresses) {
  void* const begin = ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (begin == MAP_FAILED) return {collSystemError, "no addresses"};
  addresses->reset(new ReservedAddresses(static_cast<std::byte*>(begin), bytes));
  return {};
}

ReservedAddresses::~ReservedAddresses() { ::munmap(begin_, bytes_); }

Status HiddenMemory::allocate(size_t bytes, const MemoryOwner& owner, void** memory) {
  *memory = nullptr;
  if (bytes == 0) return {};
  std::shared_ptr<MappedPages> pages;
  COLL_TRY(MappedPages::make(bytes, owner.kind == MemoryKind::kDevice, &pages));
  if (owner.kind == MemoryKind::kDevice) std::memset(pages->inside(), kUsed, bytes);
  *memory = pages->outside();
  const std::lock_guard lock(mutex_);
  ranges_[pages->outside()] = {bytes, owner, pages, ++numbers_};
  return {};
}

Status HiddenMemory::release(const void* memory, MemoryKind kind) {
  if (memory == nullptr) return {};
  const std::lock_guard lock(mutex_);
  const auto found = ranges_.find(static_cast<const std::byte*>(memory));
  if (found == ranges_.end() || found->second.number == 0 || found->second.owner.kind != kind) {
    return {collUnhandledCudaError, text("nothing to release at ", hexadecimal(memory))};
  }
  if (kind == MemoryKind::kDevice) {
    const MappedPages& pages = *found->second.pages;
    ::madvise(pages.inside(), pages.bytes(), MADV_REMOVE);  // who still reads there finds zeros
    keep_addresses(found->second.pages);
  }
  ranges_.erase(found);
  return {};
}

void HiddenMemory::own(const void* begin, size_t bytes, const MemoryOwner& owner) {
  const std::lock_guard lock(mutex_);
  ranges_[static_cast<const std::byte*>(begin)] = {bytes, owner, nullptr};
}

void HiddenMemory::disown(const void* begin) {
  const std::lock_guard lock(mutex_);
  ranges_.erase(static_cast<const std::byte*>(begin));
}

Status HiddenMemory::share(const void* memory, int device, Share* share) const {
  const std::lock_guard lock(mutex_);
  const auto found = ranges_.find(static_cast<const std::byte*>(memory));
  if (found == ranges_.end() || found->second.number == 0 || found->second.owner.kind != MemoryKind::kDevice) {
    return {collUnsupported, text("no allocation of device memory to share at ", hexadecimal(memory))};
  }
  if (found->second.owner.device != device) return {collUnhandledCudaError, "another device's memory is shared"};
  *share = {memory, found->second.number, found->second.bytes, ::getpid(), found->second.pages->file()};
  return {};
}

Status HiddenMemory::make_alias(const Share& share, int device, void** alias) {
  const std::lock_guard lock(mutex_);
  Range made{share.bytes, {MemoryKind::kDevice, device}, nullptr};
  COLL_TRY(find_shared(share, &made));
  COLL_TRY(ReservedAddresses::make(made.pages->bytes(), &made.alias));
  *alias = made.alias->begin();
  ranges_[made.alias->begin()] = made;
  return {};
}

// Its pages, and where they are an allocation of this process.
Status HiddenMemory::find_shared(const Share& share, Range* range) const {
  if (share.process != ::getpid()) {
    if (share.file < 0) return {collUnsupported, "memory of another process, of which it has kept no file"};
    const std::string path = text("/proc/", share.process, "/fd/", share.file);
    return MappedPages::open(path, share.bytes, &range->pages);
  }
  range->reaches = static_cast<const std::byte*>(share.memory);
  const auto found = ranges_.find(range->reaches);
  if (found == ranges_.end() || share.number == 0 || found->second.number != share.number) {
    return {collUnhandledCudaError, text("what was shared at ", hexadecimal(range->reaches), " has been released")};
  }
  range->pages = found->second.pages;
  return {};
}

Status HiddenMemory::drop_alias(const void* alias, int device) {
  const std::lock_guard lock(mutex_);
  const auto found = ranges_.find(static_cast<const std::byte*>(alias));
  if (found == ranges_.end() || found->second.alias == nullptr || found->second.owner.device != device) {
    return {collUnhandledCudaError, text("device ", device, " has nothing open at ", hexadecimal(alias))};
  }
  keep_addresses(found->second.alias);
  ranges_.erase(found);
  return {};
}

size_t HiddenMemory::aliases() const {
  const std::lock_guard lock(mutex_);
  size_t count = 0;
  for (const auto& [begin, range] : ranges_) count += range.alias != nullptr ? 1 : 0;
  return count;
}

bool HiddenMemory::is_released(const Range& alias) const {
  if (alias.reaches == nullptr) return false;  // another process's, which may not say so
  const auto found = ranges_.find(alias.reaches);
  return found == ranges_.end() || found->second.pages != alias.pages;
}

void HiddenMemory::keep_addresses(std::shared_ptr<const void> of) {
  released_.push_back(std::move(of));
  if (released_.size() > kMostReleased) released_.pop_front();
}

MemoryOwner HiddenMemory::owner_of(const void* address) const {
  const std::lock_guard lock(mutex_);
  const auto found = find(static_cast<const std::byte*>(address));
  return found != ranges_.end() ? found->second.owner : MemoryOwner();
}

Status HiddenMemory::reach(const void* address, size_t bytes, int device, Reached* reached) const {
  const auto* const at = static_cast<const std::byte*>(address);
  const std::lock_guard lock(mutex_);
  const auto found = find(at);
  if (found == ranges_.end() || found->second.owner.kind == MemoryKind::kHost) {
    return illegal(address, bytes, "no memory that a device reaches");
  }
  const auto& [begin, range] = *found;
  const auto offset = static_cast<size_t>(at - begin);
  if (bytes > range.bytes - offset) return illegal(address, bytes, text("only ", range.bytes - offset, " are there"));
  if (device != kAnyDevice && range.owner.kind == MemoryKind::kDevice && range.owner.device != device) {
    return illegal(address, bytes, text("work on device ", device, " in memory of device ", range.owner.device));
  }
  if (range.alias != nullptr && is_released(range)) return illegal(address, bytes, "its owner has released it");
  // Only the map's key makes it const; work that reads alone does not write there.
  std::byte* const inside = range.pages != nullptr ? range.pages->inside() : const_cast<std::byte*>(begin);
  *reached = {inside + offset, range.pages};
  if (range.alias != nullptr) ++aliases_reached_;
  return {};
}

size_t HiddenMemory::live() const {
  const std::lock_guard lock(mutex_);
  size_t count = 0;
  for (const auto& [begin, range] : ranges_) count += range.number != 0 ? 1 : 0;
  return count;
}

HiddenMemory::Ranges::const_iterator HiddenMemory::find(const std::byte* at) const {
  auto next = ranges_.upper_bound(at);
  if (next == ranges_.begin()) return ranges_.end();
  --next;
  return at < next->first + next->second.bytes ? next : ranges_.end();
}

}  // namespace coll::test
