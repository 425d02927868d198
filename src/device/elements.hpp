// The data types on the device: how an element's bits become an accumulator and back.
//
// An element type has Bits, Acc, from_bits() and to_bits(), which rounds to nearest even and makes NaN canonical. Given
// random bits, it rounds stochastically.
#pragma once

#include "base/float.hpp"
#include "base/types.hpp"
#include "device/words.hpp"

namespace coll::device {

template <typename T>
struct Integer {
  using Acc = T;
  using Bits = std::make_unsigned_t<T>;
  static constexpr size_t kBytes = sizeof(T);
  COLL_HD static T from_bits(Bits bits) { return static_cast<T>(bits); }
  COLL_HD static Bits to_bits(T value) { return static_cast<Bits>(value); }
};

struct Float32 {
  using Acc = float;
  using Bits = uint32_t;
  static constexpr size_t kBytes = 4;
  COLL_HD static float from_bits(Bits bits) { return bits_float(bits); }
  COLL_HD static Bits to_bits(float value) {
    const Bits bits = float_bits(value);
    return (bits & kAbsMask32) > kInf32 ? kNan32 : bits;
  }
};

struct Float64 {
  using Acc = double;
  using Bits = uint64_t;
  static constexpr size_t kBytes = 8;
  COLL_HD static double from_bits(Bits bits) {
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  COLL_HD static Bits to_bits(double value) {
    Bits bits;
    std::memcpy(&bits, &value, sizeof bits);
    return value != value ? kNan64 : bits;
  }
};

struct Bfloat16 {
  using Acc = float;
  using Bits = uint16_t;
  static constexpr size_t kBytes = 2;
  COLL_HD static float from_bits(Bits bits) { return bf16_to_float(bits); }
  COLL_HD static Bits to_bits(float value) { return bf16_from_float(value); }
  COLL_HD static Bits to_bits(float value, uint32_t random) { return bf16_from_float(value, random); }
};

// Devices convert in hardware; NaN is made canonical around it.
struct Float16 {
  using Acc = float;
  using Bits = uint16_t;
  static constexpr size_t kBytes = 2;
  COLL_HD static float from_bits(Bits bits) {
#if defined(__CUDA_ARCH__)
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value != value ? bits_float(kNan32) : value;
#else
    return fp16_to_float(bits);
#endif
  }
  COLL_HD static Bits to_bits(float value) {
#if defined(__CUDA_ARCH__)
    Bits bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return value != value ? static_cast<Bits>(Fp16::kNan) : bits;
#else
    return fp16_from_float(value);
#endif
  }
  COLL_HD static Bits to_bits(float value, uint32_t random) { return fp16_from_float(value, random); }
};

template <class Small>
struct Float8 {
  using Acc = float;
  using Bits = uint8_t;
  static constexpr size_t kBytes = 1;
  COLL_HD static float from_bits(Bits bits) { return small_to_float<Small>(bits); }
  COLL_HD static Bits to_bits(float value) { return static_cast<Bits>(small_from_float<Small>(value)); }
};

template <class Element>
struct Type {
  using type = Element;
};

// Calls body(Type<Element>()) for a floating-point type.
template <class Body>
auto with_float(DataType type, const Body& body) {
  switch (type) {
    case collFloat16:
      return body(Type<Float16>());
    case collFloat64:
      return body(Type<Float64>());
    case collBfloat16:
      return body(Type<Bfloat16>());
    case collFloat8e4m3:
      return body(Type<Float8<E4m3>>());
    case collFloat8e5m2:
      return body(Type<Float8<E5m2>>());
    default:
      return body(Type<Float32>());
  }
}

// ... and for any type.
template <class Body>
auto with_element(DataType type, const Body& body) {
  switch (type) {
    case collInt8:
      return body(Type<Integer<int8_t>>());
    case collUint8:
      return body(Type<Integer<uint8_t>>());
    case collInt32:
      return body(Type<Integer<int32_t>>());
    case collUint32:
      return body(Type<Integer<uint32_t>>());
    case collInt64:
      return body(Type<Integer<int64_t>>());
    case collUint64:
      return body(Type<Integer<uint64_t>>());
    default:
      return with_float(type, body);
  }
}

}  // namespace coll::device
