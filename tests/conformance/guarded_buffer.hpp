// A case's buffer: memory of the kind that the case asks for, between two guards.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "tests/conformance/cases.hpp"
#include "tests/support/device_buffer.hpp"

namespace coll::test {

inline constexpr std::byte kUntouched{0xa5};
inline constexpr size_t kGuard = 64;

// Memory between two guards, at an odd address where asked for.
class GuardedBuffer {
 public:
  GuardedBuffer(size_t bytes, const Case& test, int rank)
      : at_(kGuard + (test.odd ? 1 : 0)), bytes_(bytes), size_(bytes + 3 * kGuard) {
    if (on_device(test, rank)) {
      device_ = std::make_unique<DeviceBuffer>(devices_of_process(), size_);
      memory_ = device_->data();
      const Bytes untouched(size_, kUntouched);
      device_->put(untouched.data(), size_);
      return;
    }
    if (test.memory == Memory::kMapped) {
      EXPECT_EQ(collMemAlloc(&mapped_, size_), collSuccess) << collGetLastError(nullptr);
      memory_ = static_cast<std::byte*>(mapped_);
    } else {
      ordinary_.resize(size_);
      memory_ = ordinary_.data();
    }
    std::fill_n(memory_, size_, kUntouched);
  }
  ~GuardedBuffer() { EXPECT_EQ(collMemFree(mapped_), collSuccess); }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  static bool on_device(const Case& test, int rank) {
    return test.memory == Memory::kDevice || (test.memory == Memory::kMixed && rank % 2 == 1);
  }
  std::byte* data() { return memory_ + at_; }
  void put(const Bytes& bytes, size_t offset = 0) {
    if (device_) return device_->put(bytes.data(), bytes.size(), at_ + offset);
    std::copy(bytes.begin(), bytes.end(), data() + offset);
  }
  Bytes part(size_t offset, size_t bytes) {
    if (device_) return device_->get(at_ + offset, bytes);
    return Bytes(data() + offset, data() + offset + bytes);
  }
  bool guards_hold() const {
    const Bytes copy = device_ ? device_->get() : Bytes();
    const std::byte* const all = device_ ? copy.data() : memory_;
    const auto touched = [](std::byte b) { return b != kUntouched; };
    return std::none_of(all, all + at_, touched) && std::none_of(all + at_ + bytes_, all + size_, touched);
  }

 private:
  size_t at_;
  size_t bytes_;
  size_t size_;
  std::byte* memory_ = nullptr;
  Bytes ordinary_;
  void* mapped_ = nullptr;
  std::unique_ptr<DeviceBuffer> device_;
};

}  // namespace coll::test
