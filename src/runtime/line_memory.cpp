#include "runtime/line_memory.hpp"

#include <algorithm>
#include <bit>

namespace coll {

namespace {

constexpr size_t kLeast = size_t{64} << 10;

}  // namespace

class Stretch {
 public:
  Stretch(const DeviceOperations& operations, LineMemoryKind kind, void* memory, size_t bytes)
      : operations_(operations), kind_(kind), memory_(static_cast<std::byte*>(memory)), bytes_(bytes) {}
  ~Stretch() {
    if (leaked_) return;
    static_cast<void>(kind_ == LineMemoryKind::kPinned ? operations_.release_pinned(memory_)
                                                       : operations_.release(memory_));
  }
  Stretch(const Stretch&) = delete;
  Stretch& operator=(const Stretch&) = delete;

  std::byte* data() const { return memory_; }
  size_t bytes() const { return bytes_; }
  void leak() { leaked_ = true; }

 private:
  const DeviceOperations& operations_;
  LineMemoryKind kind_;
  std::byte* memory_;
  size_t bytes_;
  bool leaked_ = false;
};

Status LineMemory::reserve(size_t bytes) {
  wanted_ += padded(bytes);
  if (wanted_ == 0 || (stretch_ && stretch_->bytes() >= wanted_)) return {};
  return grow(std::bit_ceil(std::max(wanted_, kLeast)));
}

Status LineMemory::grow(size_t bytes) {
  void* memory = nullptr;
  const bool pinned = kind_ == LineMemoryKind::kPinned;
  const Status got = pinned ? operations_.allocate_pinned(bytes, &memory) : operations_.allocate(bytes, &memory);
  if (!got.ok()) {
    return {got.code(), text("no ", pinned ? "pinned" : "device", " memory for ", bytes, " bytes of staging (",
                             got.message(), "); lower COLL_BUFFSIZE, or free some")};
  }
  if (stretch_) retired_.push_back(std::move(stretch_));
  stretch_ = std::make_shared<Stretch>(operations_, kind_, memory, bytes);
  bytes_ += bytes;
  return {};
}

void LineMemory::close(bool leak) {
  if (leak && stretch_) stretch_->leak();
  for (const auto& each : retired_) {
    if (leak) each->leak();
  }
  retired_.clear();
  stretch_.reset();
  bytes_ = 0;
}

std::byte* LineShare::take(size_t bytes) {
  if (!stretch_ || stretch_->bytes() - taken_ < padded(bytes)) return nullptr;
  std::byte* const piece = stretch_->data() + taken_;
  taken_ += padded(bytes);
  return piece;
}

}  // namespace coll
