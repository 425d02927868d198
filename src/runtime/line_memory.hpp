// Memory of a line: one stretch of a kind, pinned or the device's, that its batches use one after another.
#pragma once

#include <memory>
#include <vector>

#include "runtime/device_port.hpp"

namespace coll {

// Pieces begin at, and are counted in, multiples of this: no two share a cache line or what a kernel reads at once.
inline constexpr size_t kLineGrain = 256;
constexpr size_t padded(size_t bytes) { return (bytes + kLineGrain - 1) / kLineGrain * kLineGrain; }

// kShared is the device's, and peers may open it; kDirect is, too, and transports send from and receive to it.
enum class LineMemoryKind { kPinned, kDevice, kShared, kDirect };

class DeviceDirect;
class Stretch;

class LineMemory {
 public:
  // `direct`: of kDirect, where the transports are.
  LineMemory(DevicePort& port, int device, LineMemoryKind kind, DeviceDirect* direct = nullptr)
      : port_(port), device_(device), kind_(kind), direct_(direct) {}

  // The batch to come needs so many bytes more. May wait for the device, which is the current one.
  Status reserve(size_t bytes);
  bool fits(size_t bytes) const;  // without more memory
  // What batches take from: it stays as long as somebody holds it.
  std::shared_ptr<Stretch> stretch() const { return stretch_; }
  const SharedMemory& shared() const;  // of kShared, when some is reserved
  void forget_reserved() { wanted_ = 0; }
  size_t bytes() const { return bytes_; }
  // Frees all; gives it up where somebody may still write to it.
  void close(bool leak);

 private:
  Status grow(size_t bytes);
  Status allocate(size_t bytes, SharedMemory* memory) const;

  DevicePort& port_;
  const int device_;
  const LineMemoryKind kind_;
  DeviceDirect* const direct_;
  size_t wanted_ = 0;
  size_t bytes_ = 0;
  std::shared_ptr<Stretch> stretch_;
  // Too short; kept, as freeing would wait for calls. All together are no longer than the one that is used.
  std::vector<std::shared_ptr<Stretch>> retired_;
};

// One batch's part of a stretch, which it gives out piece by piece.
class LineShare {
 public:
  explicit LineShare(std::shared_ptr<Stretch> stretch) : stretch_(std::move(stretch)) {}
  // NULL where less was reserved.
  std::byte* take(size_t bytes);

 private:
  std::shared_ptr<Stretch> stretch_;
  size_t taken_ = 0;
};

}  // namespace coll
