// random.hpp's bits, a vector of counters at a time, compiled once per instruction set.
#include <cstdint>

#include "base/random.hpp"

#if defined(COLL_BASE_SIMD_RANDOM_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef COLL_BASE_SIMD_RANDOM_INL_HPP_
#undef COLL_BASE_SIMD_RANDOM_INL_HPP_
#else
#define COLL_BASE_SIMD_RANDOM_INL_HPP_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace coll::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Bits of counters in a row that share a key.
class RandomBits {
 public:
  explicit RandomBits(const random::Run& run) : key_(random::key_of(run.stream, run.first)) {
    key_.first += static_cast<uint32_t>(run.first);
  }

  // Lane j has the bits of counter i + j of the run.
  template <class D>
  HWY_INLINE hn::Vec<D> at(D d, size_t i) const {
    auto x = hn::Add(hn::Iota(d, 0u), hn::Set(d, key_.first + static_cast<uint32_t>(i)));
    x = hn::Mul(hn::Xor(x, hn::ShiftRight<random::kFirstShift>(x)), hn::Set(d, random::kFirstFactor));
    x = hn::Xor(x, hn::Set(d, key_.second));
    return hn::Mul(hn::Xor(x, hn::ShiftRight<random::kSecondShift>(x)), hn::Set(d, random::kSecondFactor));
  }

 private:
  random::Key key_;
};

}  // namespace coll::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
