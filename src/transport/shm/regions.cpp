#include "transport/shm/regions.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "transport/shm/kernel_copy.hpp"

namespace coll::shm {

namespace {

Status system_error(const std::string& what) { return {collSystemError, text(what, ": ", std::strerror(errno))}; }

// What the system could give now without pushing programs out. 0 where it does not tell.
size_t available_bytes() {
  std::ifstream file("/proc/meminfo");
  std::string word;
  size_t kib = 0;
  while (file >> word) {
    if (word == "MemAvailable:") return file >> kib ? kib << 10 : 0;
  }
  return 0;
}

FileDescriptor open_of(pid_t process, int64_t fd) {
  const std::string path = text("/proc/", process, "/fd/", fd);
  return FileDescriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC));
}

// What another process's files, which could be opened before, cannot be opened with once it has ended. Those of one
// that is ending, or not waited for by its parent, belong to root: EACCES.
bool means_an_end(int error) { return error == ENOENT || error == ESRCH || error == EACCES; }

Status lender_gone() {
  return {collRemoteError,
          text("it lent memory of collMemAlloc() that cannot be opened any more (", std::strerror(errno),
               "): its process has ended, or freed the memory while a collective used it")};
}

}  // namespace

Regions::~Regions() {
  for (const auto& [memory, region] : regions_) ::munmap(const_cast<std::byte*>(memory), region.bytes);
}

Status Regions::allocate(size_t bytes, void** memory) {
  // Asked for more, the system would end programs instead of refusing.
  if (const size_t most = available_bytes(); most != 0 && bytes > most) {
    return {collSystemError, text("no memory for ", bytes, " bytes; ", most, " are available")};
  }
  FileDescriptor file(::memfd_create("libcoll", MFD_CLOEXEC));
  if (file.get() < 0) return system_error("cannot make a file in memory");
  // With its pages now: a page that is missing later would be a signal.
  if (const int error = ::posix_fallocate(file.get(), 0, static_cast<off_t>(bytes)); error != 0) {
    return {collSystemError, text("no memory for ", bytes, " bytes: ", std::strerror(error))};
  }
  void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (at == MAP_FAILED) return system_error(text("cannot map ", bytes, " bytes"));
  const std::lock_guard lock(mutex_);
  regions_.emplace(static_cast<std::byte*>(at), Region{std::move(file), bytes, ++numbers_});
  count_ = regions_.size();
  *memory = at;
  return {};
}

Status Regions::release(void* memory) {
  const std::lock_guard lock(mutex_);
  const auto found = regions_.find(static_cast<std::byte*>(memory));
  if (found == regions_.end()) {
    return {
        collInvalidArgument,
        "this is not the address of memory that collMemAlloc() or collMemAllocDevice() gave and that is not freed yet"};
  }
  ::munmap(memory, found->second.bytes);
  regions_.erase(found);
  count_ = regions_.size();
  ++releases_;
  return {};
}

std::optional<RegionPart> Regions::find(std::span<const std::byte> bytes) const {
  if (count_.load(std::memory_order_relaxed) == 0) return std::nullopt;
  const std::lock_guard lock(mutex_);
  auto next = regions_.upper_bound(bytes.data());
  if (next == regions_.begin()) return std::nullopt;
  const auto& [memory, region] = *--next;
  const auto offset = static_cast<size_t>(bytes.data() - memory);
  if (offset > region.bytes || bytes.size() > region.bytes - offset) return std::nullopt;
  return RegionPart{region.number, releases_, region.bytes, offset, region.file.get()};
}

struct PeerRegions::Mapping {
  Mapping(void* memory, size_t size) : at(memory), bytes(size) {}
  ~Mapping() { ::munmap(at, bytes); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  void* at;
  size_t bytes;
};

Status PeerRegions::pin(const RegionPart& part, unsigned loan, const std::byte** at) {
  if (part.releases != releases_seen_) mappings_.clear();  // some are gone; those in use are pinned
  releases_seen_ = part.releases;
  auto& mapping = mappings_[part.region];
  if (!mapping) {
    const FileDescriptor file = open_of(process_, part.fd);
    struct stat info {};
    if (file.get() < 0 && means_an_end(errno)) return lender_gone();
    if (file.get() < 0 || ::fstat(file.get(), &info) != 0) return system_error("cannot open memory of collMemAlloc()");
    if (static_cast<uint64_t>(info.st_size) != part.region_bytes) {
      return {collInvalidUsage, "memory of collMemAlloc() was freed while a collective used it"};
    }
    void* memory = ::mmap(nullptr, part.region_bytes, PROT_READ, MAP_SHARED, file.get(), 0);
    if (memory == MAP_FAILED) return system_error("cannot map memory of collMemAlloc()");
    mapping = std::make_shared<const Mapping>(memory, part.region_bytes);
  }
  pins_[loan] = mapping;
  *at = static_cast<const std::byte*>(mapping->at) + part.offset;
  return {};
}

bool PeerRegions::unpin(unsigned loan) { return std::exchange(pins_[loan], nullptr) != nullptr; }

Status show(FileDescriptor* file, Proof* proof) {
  COLL_TRY(random_bytes(proof->random));
  *file = FileDescriptor(::memfd_create("libcoll-proof", MFD_CLOEXEC));
  const auto size = static_cast<ssize_t>(proof->random.size());
  if (file->get() < 0 || ::pwrite(file->get(), proof->random.data(), proof->random.size(), 0) != size) {
    return system_error("cannot make a file in memory");
  }
  proof->process = ::getpid();
  proof->fd = file->get();
  proof->address = reinterpret_cast<uint64_t>(proof->random.data());
  return {};
}

bool can_open(const Proof& proof) {
  if (proof.process == 0) return false;
  const FileDescriptor file = open_of(static_cast<pid_t>(proof.process), proof.fd);
  std::array<std::byte, sizeof proof.random> seen{};
  return file.get() >= 0 && ::pread(file.get(), seen.data(), seen.size(), 0) == static_cast<ssize_t>(seen.size()) &&
         seen == proof.random;
}

bool can_read(const Proof& proof) {
  if (proof.process == 0) return false;
  std::array<std::byte, sizeof proof.random> seen{};
  return copy_from(static_cast<pid_t>(proof.process), proof.address, seen) && seen == proof.random;
}

}  // namespace coll::shm
