#include "transport/shm/segment.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace coll::shm {

namespace {

Status system_error(const std::string& what, int error) {
  return {collSystemError, text(what, ": ", std::strerror(error))};
}

std::string hex(std::span<const std::byte> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string all;
  for (const std::byte b : bytes) {
    all += kDigits[std::to_integer<int>(b) >> 4];
    all += kDigits[std::to_integer<int>(b) & 15];
  }
  return all;
}

struct Part {
  size_t offset;
  size_t bytes;
};

int allocate_retrying(const Allocate& allocate, int fd, const Part& part) {
  int error = EINTR;
  for (int attempt = 0; error == EINTR && attempt < 100; ++attempt) error = allocate(fd, part.offset, part.bytes);
  return error;
}

std::string free_text(const std::string& directory) {
  struct statvfs info {};
  if (::statvfs(directory.c_str(), &info) != 0) return "an unknown number of";
  return std::to_string(static_cast<uint64_t>(info.f_bavail) * info.f_frsize);
}

Status too_small(const CreateRequest& request, int error) {
  const Layout least{request.nlocal, kMinRingBytes};
  return {collSystemError,
          text(request.directory, " has ", free_text(request.directory), " bytes free, but ", request.nlocal,
               " ranks on this node need ", least.fixed_bytes(), " at the least (", std::strerror(error),
               "). Make it larger (containers: --shm-size=256m, or --ipc=host)")};
}

// Gives the file pages for the largest rings that fit.
Status allocate_rings(const CreateRequest& request, int fd, Layout* layout, std::string* warning) {
  *layout = Layout{request.nlocal, request.ring_bytes};
  while (const int error = allocate_retrying(request.allocate, fd, {0, layout->fixed_bytes()})) {
    if (error != ENOSPC && error != ENOMEM && error != EFBIG && error != EDQUOT) {
      return system_error(text("cannot allocate ", layout->fixed_bytes(), " bytes in ", request.directory), error);
    }
    if (layout->ring_bytes <= kMinRingBytes) return too_small(request, error);
    layout->ring_bytes /= 2;
    if (::ftruncate(fd, 0) != 0) return system_error(text("cannot shrink a file in ", request.directory), errno);
  }
  if (layout->ring_bytes < request.ring_bytes) {
    *warning =
        text(request.directory, " is small (", free_text(request.directory), " bytes left): using ", layout->ring_bytes,
             " instead of ", request.ring_bytes,
             " bytes of shared memory per pair of ranks, which is slower. Make it larger (containers: --shm-size)");
  }
  if (::ftruncate(fd, static_cast<off_t>(layout->total_bytes())) != 0) {
    return system_error(text("cannot extend a file in ", request.directory), errno);
  }
  return {};
}

}  // namespace

Status random_bytes(std::span<std::byte> bytes) {
  if (::getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size())) return {};
  return system_error("cannot get random bytes", errno);
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Status Segment::map(FileDescriptor file, const Layout& layout) {
  void* at = ::mmap(nullptr, layout.total_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (at == MAP_FAILED)
    return system_error(text("cannot map ", layout.total_bytes(), " bytes of shared memory"), errno);
  close();
  base_ = static_cast<std::byte*>(at);
  layout_ = layout;
  file_ = std::move(file);
  // The board's pages now, not one by one in the first calls; where the system cannot, then after all.
  static_cast<void>(
      ::madvise(base_ + layout.board_offset(), layout.pairs_offset() - layout.board_offset(), MADV_POPULATE_WRITE));
  return {};
}

std::span<std::byte> Segment::allocate_arena(size_t local, const Allocate& allocate) const {
  const Part part{layout_.arena_offset(local), layout_.arena_bytes()};
  if (allocate_retrying(allocate, file_.get(), part) != 0) return {};
  return {base_ + part.offset, part.bytes};
}

void Segment::close() {
  if (base_ != nullptr) ::munmap(base_, layout_.total_bytes());
  base_ = nullptr;
}

void FileName::unlink() {
  if (!path_.empty()) ::unlink(path_.c_str());
  path_.clear();
}

Status create_segment(const CreateRequest& request, Segment* segment, FileName* name, Token* token,
                      std::string* warning) {
  std::array<std::byte, 16> unique{};
  COLL_TRY(random_bytes(unique));
  COLL_TRY(random_bytes(*token));
  const std::string path = text(request.directory, "/libcoll-", hex(unique));
  FileDescriptor file(::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) return system_error(text("cannot create ", path), errno);
  name->set(path);
  Layout layout{};
  COLL_TRY(allocate_rings(request, file.get(), &layout, warning));
  COLL_TRY(segment->map(std::move(file), layout));
  SegmentHeader* header = segment->header();  // the rest of a new file is zero, as rings, bells and notices start
  header->version = kLayoutVersion;
  header->nlocal = static_cast<uint32_t>(layout.nlocal);
  header->ring_bytes = layout.ring_bytes;
  std::memcpy(header->token, token->data(), token->size());
  return {};
}

Status open_segment(const std::string& path, const Layout& layout, const Token& token, Segment* segment) {
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (file.get() < 0) return system_error(text("cannot open ", path), errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return system_error(text("cannot inspect ", path), errno);
  if (!S_ISREG(info.st_mode) || info.st_uid != ::geteuid() || info.st_size < static_cast<off_t>(layout.total_bytes())) {
    return {collSystemError, text(path, " is not the file that the other rank made")};
  }
  COLL_TRY(segment->map(std::move(file), layout));
  const SegmentHeader* header = segment->header();
  if (header->version == kLayoutVersion && header->nlocal == layout.nlocal && header->ring_bytes == layout.ring_bytes &&
      std::memcmp(header->token, token.data(), token.size()) == 0) {
    return {};
  }
  segment->close();
  return {collSystemError, text(path, " is another file than the one the other rank made")};
}

}  // namespace coll::shm
