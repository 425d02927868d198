#include "runtime/line_memory.hpp"

#include <algorithm>
#include <bit>

#include "runtime/device_direct.hpp"

namespace coll {

namespace {

constexpr size_t kLeast = size_t{64} << 10;

}  // namespace

class Stretch {
 public:
  Stretch(DevicePort& port, LineMemoryKind kind, DeviceDirect* direct, const SharedMemory& memory)
      : port_(port), kind_(kind), direct_(direct), memory_(memory) {}
  ~Stretch() {
    if (leaked_) return;
    if (kind_ == LineMemoryKind::kPinned) static_cast<void>(port_.known()->release_pinned(memory_.memory));
    if (kind_ == LineMemoryKind::kShared) port_.shares().give_back(memory_);
    if (kind_ == LineMemoryKind::kDirect) direct_->forget({memory_.memory, memory_.bytes});
    if (kind_ == LineMemoryKind::kDevice || kind_ == LineMemoryKind::kDirect)
      static_cast<void>(port_.known()->release(memory_.memory));
  }
  Stretch(const Stretch&) = delete;
  Stretch& operator=(const Stretch&) = delete;

  std::byte* data() const { return memory_.memory; }
  size_t bytes() const { return memory_.bytes; }
  const SharedMemory& shared() const { return memory_; }
  void leak() { leaked_ = true; }

 private:
  DevicePort& port_;
  LineMemoryKind kind_;
  DeviceDirect* direct_;
  SharedMemory memory_;
  bool leaked_ = false;
};

bool LineMemory::fits(size_t bytes) const {
  const size_t wanted = wanted_ + padded(bytes);
  return wanted == 0 || (stretch_ && stretch_->bytes() >= wanted);
}

Status LineMemory::reserve(size_t bytes) {
  const bool fitting = fits(bytes);
  wanted_ += padded(bytes);
  return fitting ? Status() : grow(std::bit_ceil(std::max(wanted_, kLeast)));
}

Status LineMemory::grow(size_t bytes) {
  SharedMemory memory;
  const bool pinned = kind_ == LineMemoryKind::kPinned;
  Status got = allocate(bytes, &memory);
  if (!got.ok() && kind_ == LineMemoryKind::kDirect) return got;
  if (!got.ok()) {
    return {got.code(), text("no ", pinned ? "pinned" : "device", " memory for ", bytes, " bytes of staging (",
                             got.message(), "); lower COLL_BUFFSIZE or COLL_CHUNK_BYTES, or free some")};
  }
  if (stretch_) retired_.push_back(std::move(stretch_));
  stretch_ = std::make_shared<Stretch>(port_, kind_, direct_, memory);
  bytes_ += memory.bytes;
  return {};
}

Status LineMemory::allocate(size_t bytes, SharedMemory* memory) const {
  const DeviceOperations& operations = *port_.known();
  if (kind_ == LineMemoryKind::kShared) return port_.shares().take(operations, device_, bytes, memory);
  void* allocated = nullptr;
  COLL_TRY(kind_ == LineMemoryKind::kPinned ? operations.allocate_pinned(bytes, &allocated)
                                            : operations.allocate(bytes, &allocated));
  *memory = {static_cast<std::byte*>(allocated), bytes, device_};
  if (kind_ != LineMemoryKind::kDirect) return {};
  Status registered = direct_->remember(operations, device_, {memory->memory, bytes});
  if (!registered.ok()) static_cast<void>(operations.release(allocated));
  return registered;
}

const SharedMemory& LineMemory::shared() const { return stretch_->shared(); }

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
