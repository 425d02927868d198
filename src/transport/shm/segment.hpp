// The shared file behind the shm transport: made with all of its pages, mapped, and nameless as soon as possible.
#pragma once

#include <array>
#include <functional>
#include <span>
#include <string>
#include <utility>

#include "base/status.hpp"
#include "transport/shm/layout.hpp"

namespace coll::shm {

using Token = std::array<std::byte, kTokenBytes>;
// Gives a part of the file its pages, like posix_fallocate: 0 or an errno value. Replaceable so that tests can have a
// full file system anywhere.
using Allocate = std::function<int(int fd, size_t offset, size_t bytes)>;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept { swap(other); }
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    swap(other);
    return *this;
  }
  int get() const { return fd_; }

 private:
  void swap(FileDescriptor& other) noexcept { std::swap(fd_, other.fd_); }
  int fd_ = -1;
};

Status random_bytes(std::span<std::byte> bytes);

// A mapping of a segment; unmapped at the end of its life.
class Segment {
 public:
  Segment() = default;
  ~Segment() { close(); }
  Segment(Segment&& other) noexcept { swap(other); }
  Segment& operator=(Segment&& other) noexcept {
    swap(other);
    return *this;
  }

  std::byte* base() const { return base_; }
  int file() const { return file_.get(); }
  const Layout& layout() const { return layout_; }
  SegmentHeader* header() const { return reinterpret_cast<SegmentHeader*>(base_); }
  Bell* bell(size_t local) const { return reinterpret_cast<Bell*>(base_ + kPage) + local; }
  std::span<std::byte> notices(size_t local) const { return {base_ + layout_.notices_offset(local), kNoticeBytes}; }
  std::byte* board() const { return base_ + layout_.board_offset(); }
  PairHeader* pair(size_t from, size_t to) const {
    return reinterpret_cast<PairHeader*>(base_ + layout_.pair_offset(from, to));
  }

  Status map(FileDescriptor file, const Layout& layout);
  // The arena of the rank that this is, with its pages; empty where the file system has none left.
  std::span<std::byte> allocate_arena(size_t local, const Allocate& allocate) const;
  void close();

 private:
  void swap(Segment& other) noexcept {
    std::swap(base_, other.base_);
    std::swap(layout_, other.layout_);
    std::swap(file_, other.file_);
  }

  std::byte* base_ = nullptr;
  Layout layout_{};
  FileDescriptor file_;
};

// A name in the file system that goes away with this object.
class FileName {
 public:
  FileName() = default;
  ~FileName() { unlink(); }
  FileName(const FileName&) = delete;
  FileName& operator=(const FileName&) = delete;

  void set(std::string path) { path_ = std::move(path); }
  const std::string& path() const { return path_; }
  void unlink();

 private:
  std::string path_;
};

struct CreateRequest {
  std::string directory;
  size_t nlocal;
  size_t ring_bytes;  // wanted; halved down to kMinRingBytes where the file system is too small
  Allocate allocate;
};

// Makes a new file with an unpredictable name that only this user can open, and maps it. `warning` is set where the
// rings had to be made smaller.
Status create_segment(const CreateRequest& request, Segment* segment, FileName* name, Token* token,
                      std::string* warning);

// Maps the segment of another rank and checks that it is the one that was meant.
Status open_segment(const std::string& path, const Layout& layout, const Token& token, Segment* segment);

}  // namespace coll::shm
