// Data that codecs and reductions find hard, and buffers at odd addresses.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "base/float.hpp"

namespace coll::testing {

inline constexpr float kHardFloats[] = {0.0f,
                                        -0.0f,
                                        INFINITY,
                                        -INFINITY,
                                        std::numeric_limits<float>::quiet_NaN(),
                                        std::numeric_limits<float>::max(),
                                        std::numeric_limits<float>::lowest(),
                                        std::numeric_limits<float>::min(),
                                        -std::numeric_limits<float>::min(),
                                        std::numeric_limits<float>::denorm_min(),
                                        -std::numeric_limits<float>::denorm_min(),
                                        1.0f,
                                        -1.0f,
                                        65504.0f,
                                        65520.0f,
                                        1e-8f};

// Normally distributed around a size that changes from stretch to stretch.
inline std::vector<float> gradients(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  float size = 1;
  for (size_t i = 0; i < count; ++i) {
    if (i % 50 == 0) size = std::ldexp(1.0f, static_cast<int>(random() % 40) - 30);
    values[i] = normal(random) * size;
  }
  return values;
}

// Any bits at all: NaN of every payload, infinities, subnormals, huge values.
inline std::vector<float> any_bits(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    const uint32_t kind = random() % 8;
    value = kind == 0 ? kHardFloats[random() % std::size(kHardFloats)] : bits_float(random());
  }
  return values;
}

// Gradients in which few blocks hold something hard.
inline std::vector<float> gradients_with_hard_values(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values = gradients(count, seed);
  for (size_t i = 0; i < count / 100 + 1 && count != 0; ++i) {
    values[random() % count] = kHardFloats[random() % std::size(kHardFloats)];
  }
  return values;
}

// `bytes` bytes at `offset` from an aligned address, with guards around them that must stay as they are.
class GuardedBuffer {
 public:
  explicit GuardedBuffer(size_t bytes, size_t offset = 0)
      : bytes_(bytes), offset_(offset), memory_(kGuard + kAligned + offset + bytes + kGuard, kMark) {
    offset_ += kAligned - (reinterpret_cast<uintptr_t>(memory_.data()) + kGuard) % kAligned;
  }

  std::byte* data() { return memory_.data() + kGuard + offset_; }
  float* floats() { return reinterpret_cast<float*>(data()); }
  std::span<const std::byte> bytes() { return {data(), bytes_}; }
  bool guards_intact() const {
    for (size_t i = 0; i < memory_.size(); ++i) {
      const bool inside = i >= kGuard + offset_ && i < kGuard + offset_ + bytes_;
      if (!inside && memory_[i] != kMark) return false;
    }
    return true;
  }

 private:
  static constexpr size_t kGuard = 64;
  static constexpr size_t kAligned = 256;  // as allocations of devices are
  static constexpr std::byte kMark{0xa5};
  size_t bytes_;
  size_t offset_;
  std::vector<std::byte> memory_;
};

inline std::vector<uint32_t> bits_of(const float* values, size_t count) {
  std::vector<uint32_t> bits(count);
  if (count != 0) std::memcpy(bits.data(), values, count * sizeof(float));
  return bits;
}

// The operators on floats as the library defines them, by float64 and by hand.
inline float reference_max(float a, float b, bool smallest) {
  if (std::isnan(a) || std::isnan(b)) return bits_float(kNan32);
  if (a == 0 && b == 0)
    return (smallest ? std::signbit(a) || std::signbit(b) : std::signbit(a) && std::signbit(b)) ? -0.0f : 0.0f;
  return (a < b) == smallest ? a : b;
}

inline float canonical_float(double value) {
  return std::isnan(value) ? bits_float(kNan32) : static_cast<float>(value);
}

}  // namespace coll::testing
