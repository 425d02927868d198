// Memory as the device kernels read and write it, compiled for the host too: whole words where addresses are aligned,
// single elements at any address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/float.hpp"

// Loops over registers: on the device they must be unrolled.
#if defined(__CUDA_ARCH__)
#define COLL_UNROLL _Pragma("unroll")
#define COLL_NO_UNROLL _Pragma("unroll 1")
#else
#define COLL_UNROLL
#define COLL_NO_UNROLL
#endif

namespace coll::device {

// What one lane moves at once; 16 bytes are the widest access, more take several.
template <size_t kBytes>
struct Words {
  static_assert(kBytes % sizeof(uint32_t) == 0);
  uint32_t word[kBytes / sizeof(uint32_t)] = {};
};

// The alignment that Words<kBytes> need.
constexpr size_t words_alignment(size_t bytes) { return bytes < 16 ? bytes : 16; }

// The same address, of which the compiler knows that it is in no memory of a block's or a thread's own: it does not
// where it was read from memory, and then looks at each access.
template <typename T>
COLL_HD inline T* global(T* address) {
#if defined(__CUDA_ARCH__)
  size_t there;
  asm("cvta.to.global.u64 %0, %1;" : "=l"(there) : "l"(address));  // __cvta_generic_to_global() is optimised away
  return static_cast<T*>(__cvta_global_to_generic(there));
#else
  return address;
#endif
}

template <size_t kBytes>
COLL_HD inline Words<kBytes> load_words(const std::byte* from) {
  Words<kBytes> words;
#if defined(__CUDA_ARCH__)
  if constexpr (kBytes % 16 == 0) {
    COLL_UNROLL
    for (size_t i = 0; i < kBytes / 16; ++i) {
      const uint4 four = reinterpret_cast<const uint4*>(from)[i];
      words.word[4 * i] = four.x;
      words.word[4 * i + 1] = four.y;
      words.word[4 * i + 2] = four.z;
      words.word[4 * i + 3] = four.w;
    }
  } else if constexpr (kBytes == 8) {
    const uint2 two = *reinterpret_cast<const uint2*>(from);
    words.word[0] = two.x;
    words.word[1] = two.y;
  } else {
    static_assert(kBytes == 4);
    words.word[0] = *reinterpret_cast<const uint32_t*>(from);
  }
#else
  std::memcpy(words.word, from, kBytes);
#endif
  return words;
}

template <size_t kBytes>
COLL_HD inline void store_words(const Words<kBytes>& words, std::byte* to) {
#if defined(__CUDA_ARCH__)
  if constexpr (kBytes % 16 == 0) {
    COLL_UNROLL
    for (size_t i = 0; i < kBytes / 16; ++i) {
      reinterpret_cast<uint4*>(to)[i] =
          make_uint4(words.word[4 * i], words.word[4 * i + 1], words.word[4 * i + 2], words.word[4 * i + 3]);
    }
  } else if constexpr (kBytes == 8) {
    *reinterpret_cast<uint2*>(to) = make_uint2(words.word[0], words.word[1]);
  } else {
    static_assert(kBytes == 4);
    *reinterpret_cast<uint32_t*>(to) = words.word[0];
  }
#else
  std::memcpy(to, words.word, kBytes);
#endif
}

// Element i of words, as its bits.
template <typename Bits, size_t kBytes>
COLL_HD inline Bits element_of(const Words<kBytes>& words, size_t i) {
  if constexpr (sizeof(Bits) == 8) {
    return static_cast<Bits>(words.word[2 * i]) | static_cast<Bits>(words.word[2 * i + 1]) << 32;
  } else {
    constexpr size_t kEach = sizeof(uint32_t) / sizeof(Bits);
    return static_cast<Bits>(words.word[i / kEach] >> (i % kEach * 8 * sizeof(Bits)));
  }
}

// Puts element i into words that were all zeros there.
template <typename Bits, size_t kBytes>
COLL_HD inline void set_element(Words<kBytes>* words, size_t i, Bits bits) {
  if constexpr (sizeof(Bits) == 8) {
    words->word[2 * i] = static_cast<uint32_t>(bits);
    words->word[2 * i + 1] = static_cast<uint32_t>(bits >> 32);
  } else {
    constexpr size_t kEach = sizeof(uint32_t) / sizeof(Bits);
    words->word[i / kEach] |= static_cast<uint32_t>(bits) << (i % kEach * 8 * sizeof(Bits));
  }
}

// One element at any address: in one access where it is aligned, else byte by byte.
template <typename Bits>
COLL_HD inline Bits load_bits(const std::byte* from) {
  if constexpr (sizeof(Bits) > 1) {
    if (reinterpret_cast<uintptr_t>(from) % sizeof(Bits) != 0) {
      Bits bits = 0;
      for (size_t i = 0; i < sizeof(Bits); ++i) {
        bits = static_cast<Bits>(bits | static_cast<Bits>(static_cast<Bits>(from[i]) << (8 * i)));
      }
      return bits;
    }
  }
  return *reinterpret_cast<const Bits*>(from);
}

template <typename Bits>
COLL_HD inline void store_bits(Bits bits, std::byte* to) {
  if constexpr (sizeof(Bits) > 1) {
    if (reinterpret_cast<uintptr_t>(to) % sizeof(Bits) != 0) {
      for (size_t i = 0; i < sizeof(Bits); ++i) to[i] = static_cast<std::byte>(bits >> (8 * i) & 0xff);
      return;
    }
  }
  *reinterpret_cast<Bits*>(to) = bits;
}

// Bytes 0 of four words as one word.
COLL_HD inline uint32_t pack_bytes(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
#if defined(__CUDA_ARCH__)
  return __byte_perm(__byte_perm(a, b, 0x0040), __byte_perm(c, d, 0x0040), 0x5410);
#else
  return (a & 0xff) | (b & 0xff) << 8 | (c & 0xff) << 16 | d << 24;
#endif
}

// 2^23 plus byte i of a word, as a float.
COLL_HD inline float float_of_byte(uint32_t word, int i) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(__byte_perm(word, 0x4b000000u, 0x7550u + static_cast<unsigned>(i)));
#else
  return bits_float(0x4b000000u | (word >> (8 * i) & 0xff));
#endif
}

}  // namespace coll::device
